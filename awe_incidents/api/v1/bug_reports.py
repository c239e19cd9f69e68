"""Bug reports: the documented template, filed as JSON or as the Markdown template itself."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.parsers import MarkdownTemplateParser, StrictJsonParser
from awe_incidents.api.schema import IDEMPOTENCY_KEY
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import CreateView, ScopedView, created
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport
from awe_incidents.incidents.operations import file_bug_report
from awe_incidents.incidents.queries import visible_reports
from awe_incidents.incidents.reports import MAX_CHARACTERS
from diagnostics.queries import stack_named


def _text(name: str, *, required: bool = False) -> serializers.CharField:
    return serializers.CharField(
        required=required,
        allow_blank=not required,
        default=serializers.empty if required else "",
        trim_whitespace=False,
        max_length=MAX_CHARACTERS[name],
    )


class BugReportRequest(serializers.Serializer[Any]):
    """The seven fields of the template, and the stack that they are about."""

    stack = serializers.CharField(max_length=63, help_text="Name of the stack, see GET /api/v1/stacks/.")
    environment = serializers.CharField(max_length=16, help_text="Development, Staging or Production.")
    docker_compose_version = _text("docker_compose_version")
    container_logs = _text("container_logs")
    steps_to_reproduce = _text("steps_to_reproduce")
    expected_behavior = _text("expected_behavior")
    actual_behavior = _text("actual_behavior", required=True)
    screenshots = _text("screenshots")


class BugReportLinks(serializers.Serializer[Any]):
    """Where to go on from a bug report."""

    self = serializers.URLField()
    incident = serializers.URLField()
    timeline = serializers.URLField()
    runs = serializers.URLField()


class BugReportSerializer(serializers.ModelSerializer[BugReport]):
    """A bug report as stored: redacted, with the receipt of what was removed."""

    stack = serializers.CharField(source="stack.name", read_only=True)
    reporter = serializers.CharField(source="reporter.username", read_only=True)
    incident = serializers.IntegerField(source="incident_id", read_only=True)
    links = serializers.SerializerMethodField()

    class Meta:
        model = BugReport
        fields = ["id", "stack", "incident", "reporter", *TEMPLATE_FIELDS, "redactions", "filed_at", "links"]
        read_only_fields = fields

    @extend_schema_field(BugReportLinks)
    def get_links(self, report: BugReport) -> dict[str, str]:
        """Give the addresses that belong to the report."""
        request = self.context["request"]
        return {
            "self": link(request, "bug-report", id=report.pk),
            "incident": link(request, "incident", id=report.incident_id),
            "timeline": link(request, "incident-timeline", id=report.incident_id),
            "runs": link(request, "incident-runs", id=report.incident_id),
        }


class FiledSerializer(BugReportSerializer):
    """The answer to filing: the report, and the run that was queued for it."""

    run = serializers.SerializerMethodField()

    class Meta(BugReportSerializer.Meta):
        fields = [*BugReportSerializer.Meta.fields, "run"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_run(self, report: BugReport) -> str:
        """Give the address of the run."""
        return link(self.context["request"], "run", id=self.context["run"].pk)


class BugReportList(ListModelMixin, CreateView):
    """Bug reports that the caller may see."""

    parser_classes = [StrictJsonParser, MarkdownTemplateParser]
    serializer_class = BugReportSerializer
    filterset_fields: ClassVar = {"stack__name": ["exact"], "incident": ["exact"]}
    scopes: ClassVar = {"GET": Scope.REPORTS_READ, "POST": Scope.REPORTS_WRITE}

    def get_queryset(self) -> QuerySet[BugReport]:
        """Start from what the caller may see."""
        return visible_reports(self.person)

    @extend_schema(operation_id="list_bug_reports")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List bug reports, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="file_bug_report",
        request={"application/json": BugReportRequest, "text/markdown": OpenApiTypes.STR},
        responses={201: FiledSerializer},
        parameters=[
            IDEMPOTENCY_KEY,
            OpenApiParameter("stack", str, description="The stack, where the body is Markdown."),
        ],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """File a bug report: opens an incident and queues a diagnostic run on the stack."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """File the report."""
        asked = BugReportRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = dict(asked.validated_data)
        report, run = file_bug_report(
            stack=stack_named(fields.pop("stack")),
            fields=fields,
            reporter=self.person,
            by=actor_of(request),
            at=timezone.now(),
        )
        data = FiledSerializer(report, context={**self.get_serializer_context(), "run": run}).data
        return created(data, location=data["links"]["self"])


class BugReportDetail(RetrieveModelMixin, ScopedView):
    """One bug report."""

    serializer_class = BugReportSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ}

    def get_queryset(self) -> QuerySet[BugReport]:
        """Start from what the caller may see."""
        return visible_reports(self.person)

    @extend_schema(operation_id="get_bug_report")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one bug report."""
        return self.retrieve(request, *args, **kwargs)
