"""Bug reports: the documented template, filed as JSON or as the Markdown template itself."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.choices import FLAW_CODES, SECTIONS
from awe_incidents.api.fields import MAX_ID, Text, WholeNumber
from awe_incidents.api.parameters import PageParameters, Parameters
from awe_incidents.api.parsers import MarkdownTemplateParser, StrictJsonParser
from awe_incidents.api.renderers import MarkdownTemplate
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.report_forms import REPORT_FORMS, read_report
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.incidents.errors import RoleRequired
from awe_incidents.incidents.models import TEMPLATE_FIELDS, BugReport
from awe_incidents.incidents.operations import file_bug_report
from awe_incidents.incidents.queries import visible_reports
from awe_incidents.incidents.reports import flaws_of, new_issue


class BugReportLinks(serializers.Serializer[Any]):
    """Where to go on from a bug report."""

    self = serializers.URLField()
    incident = serializers.URLField()
    timeline = serializers.URLField()
    runs = serializers.URLField()


class RedactionReceipt(serializers.Serializer[Any]):
    """What was taken out of a report: how often each rule hit, by field; never what it took."""

    rule_set_version = serializers.CharField()
    counts = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField(min_value=1)))


@extend_schema_field(RedactionReceipt)
class ReceiptField(serializers.JSONField):
    """The receipt as stored."""


class BugReportSerializer(serializers.ModelSerializer[BugReport]):
    """A bug report as stored: redacted, with the receipt of what was removed."""

    stack = serializers.CharField(source="stack.name", read_only=True)
    reporter = serializers.CharField(source="reporter.username", read_only=True)
    incident = serializers.IntegerField(source="incident_id", read_only=True)
    completeness = serializers.IntegerField(
        read_only=True, min_value=0, max_value=100, help_text="100 less what it lacks (docs/lint.md)."
    )
    redactions = ReceiptField(read_only=True)
    links = serializers.SerializerMethodField()

    class Meta:
        model = BugReport
        fields = [
            "id",
            "stack",
            "incident",
            "reporter",
            *TEMPLATE_FIELDS,
            "completeness",
            "redactions",
            "filed_at",
            "links",
        ]
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


class Flaw(serializers.Serializer[Any]):
    """Something that a report lacks."""

    section = serializers.ChoiceField(choices=SECTIONS)
    code = serializers.ChoiceField(choices=FLAW_CODES)
    message = serializers.CharField(help_text="What is wrong and what to do.")
    weight = serializers.IntegerField(min_value=0, max_value=100, help_text="The points of 100 that it takes.")


class BugReportDetailLinks(BugReportLinks):
    """Where to go on from one bug report."""

    github_issue = serializers.URLField(
        required=False, help_text="Opens a new issue, filled in, on the GitHub that the stack's description names."
    )


class BugReportDetailSerializer(BugReportSerializer):
    """One bug report, with what a list would be too long with."""

    lint = serializers.SerializerMethodField()

    class Meta(BugReportSerializer.Meta):
        fields = [*BugReportSerializer.Meta.fields, "lint"]
        read_only_fields = fields

    @extend_schema_field(Flaw(many=True))
    def get_lint(self, report: BugReport) -> list[dict[str, Any]]:
        """Give what it lacks, worst first."""
        return [{**flaw._asdict(), "message": flaw.message} for flaw in flaws_of(report)]

    @extend_schema_field(BugReportDetailLinks)
    def get_links(self, report: BugReport) -> dict[str, str]:
        """Add the address of a new issue, where the stack names a repository."""
        links = super().get_links(report)
        issue = new_issue(report, whole_at=links["incident"])
        return {**links, "github_issue": issue} if issue else links


class FiledSerializer(BugReportDetailSerializer):
    """The answer to filing: the report, and the run that was queued for it."""

    run = serializers.SerializerMethodField()

    class Meta(BugReportDetailSerializer.Meta):
        fields = [*BugReportDetailSerializer.Meta.fields, "run"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_run(self, report: BugReport) -> str:
        """Give the address of the run."""
        return link(self.context["request"], "run", id=self.context["run"].pk)


class ReportParameters(PageParameters):
    """Which bug reports."""

    stack = Text(required=False, max_length=63)
    incident = WholeNumber(required=False, min_value=1, max_value=MAX_ID)


class FilingParameters(Parameters):
    """What the template has no section for."""

    stack = Text(required=False, max_length=63, help_text="The stack, where the body is Markdown; JSON has a field.")


class BugReportList(ListView, CreateView):
    """Bug reports that the caller may see."""

    parser_classes = [StrictJsonParser, MarkdownTemplateParser]
    serializer_class = BugReportSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ, "POST": Scope.REPORTS_WRITE}
    parameters: ClassVar = {"GET": ReportParameters, "POST": FilingParameters}
    filters: ClassVar = {"stack": "stack__name", "incident": "incident_id"}
    refusals: ClassVar = {"POST": (RoleRequired, *NOT_REDACTED)}

    def get_renderers(self) -> list[Any]:
        """Give what was filed as Markdown, too; a list has no such form."""
        more = [MarkdownTemplate()] if self.request.method == "POST" else []
        return [JSONRenderer(), *more]

    def get_queryset(self) -> QuerySet[BugReport]:
        """Start from what the caller may see."""
        return visible_reports(self.person)

    @extend_schema(operation_id="list_bug_reports")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List bug reports, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="file_bug_report",
        request={"application/json": REPORT_FORMS, "text/markdown": OpenApiTypes.STR},
        responses={(201, "application/json"): FiledSerializer, (201, "text/markdown"): OpenApiTypes.STR},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """File a bug report: opens an incident and queues a diagnostic run on the stack."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """File the report."""
        fields = read_report(request.data)
        report, run = file_bug_report(
            stack=fields.pop("stack"), fields=fields, reporter=self.person, by=actor_of(request), at=timezone.now()
        )
        data = FiledSerializer(report, context={**self.get_serializer_context(), "run": run}).data
        return created(data, location=data["links"]["self"])


class BugReportDetail(RetrieveModelMixin, ScopedView):
    """One bug report."""

    renderer_classes = [JSONRenderer, MarkdownTemplate]
    serializer_class = BugReportDetailSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ}

    def get_queryset(self) -> QuerySet[BugReport]:
        """Start from what the caller may see."""
        return visible_reports(self.person)

    @extend_schema(
        operation_id="get_bug_report",
        responses={(200, "application/json"): BugReportDetailSerializer, (200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one bug report, as JSON or as the Markdown template."""
        return self.retrieve(request, *args, **kwargs)
