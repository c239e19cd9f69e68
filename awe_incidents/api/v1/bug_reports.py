"""Bug reports: the documented template, filed as JSON or as the Markdown template itself."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import MAX_ID, Flag, Text, WholeNumber
from awe_incidents.api.kept import represent
from awe_incidents.api.multipart import MAX_BODY_BYTES, MEDIA_TYPE, FormParser, sent_form
from awe_incidents.api.parameters import PageParameters, Parameters
from awe_incidents.api.parsers import MarkdownTemplateParser, StrictJsonParser
from awe_incidents.api.preconditions import TaggedDetail
from awe_incidents.api.renderers import MarkdownTemplate
from awe_incidents.api.v1.form_parts import UPLOAD_FORMS, read_form, uploads_of
from awe_incidents.api.v1.found import OfReport
from awe_incidents.api.v1.report_answers import BugReportDetailSerializer, BugReportSerializer, FiledSerializer
from awe_incidents.api.v1.report_forms import REPORT_FORMS, read_report
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, created
from awe_incidents.incidents.errors import RemovedByRetention, RoleRequired
from awe_incidents.incidents.models import BugReport
from awe_incidents.incidents.operations import file_bug_report
from awe_incidents.incidents.queries import visible_reports


class ReportParameters(PageParameters):
    """Which bug reports."""

    stack = Text(required=False, max_length=63)
    incident = WholeNumber(required=False, min_value=1, max_value=MAX_ID)


class FilingParameters(Parameters):
    """What the template has no section for."""

    stack = Text(required=False, max_length=63, help_text="The stack, where the body is Markdown; JSON has a field.")
    new_incident = Flag(
        required=False, help_text="Open an incident of its own, whatever the report resembles; JSON has a field, too."
    )


class BugReportList(ListView, CreateView):
    """Bug reports that the caller may see."""

    parser_classes = [StrictJsonParser, MarkdownTemplateParser, FormParser]
    body_limits: ClassVar = {MEDIA_TYPE: MAX_BODY_BYTES}
    serializer_class = BugReportSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ, "POST": Scope.REPORTS_WRITE}
    parameters: ClassVar = {"GET": ReportParameters, "POST": FilingParameters}
    filters: ClassVar = {"stack": "stack_id", "incident": "incident_id"}
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
        request={"application/json": REPORT_FORMS, "text/markdown": OpenApiTypes.STR, MEDIA_TYPE: UPLOAD_FORMS},
        responses={(201, "application/json"): FiledSerializer, (201, "text/markdown"): OpenApiTypes.STR},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """File a bug report: joins the open incident that it resembles or opens one, and has the stack looked at.

        As JSON, as the Markdown template, or as a form with screenshots (PNG, JPEG, WebP, GIF) and texts (UTF-8).
        """
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """File the report."""
        form = sent_form(request)
        fields = read_form(form) if form else read_report(request.data)
        uploads = uploads_of(form.parts) if form else []
        insists = fields.pop("new_incident") or self.asked.get("new_incident", False)
        report, run, likeness = file_bug_report(
            stack=fields.pop("stack"),
            fields=fields,
            new_incident=insists,
            uploads=uploads,
            reporter=self.person,
            by=actor_of(request),
            at=timezone.now(),
        )
        context = {**self.get_serializer_context(), "run": run, "likeness": likeness, "has_files": bool(uploads)}
        data = represent(FiledSerializer, report, context=context)
        return created(data, location=data["links"]["self"])


class BugReportDetail(OfReport, TaggedDetail):
    """One bug report."""

    version_field = "version"

    renderer_classes = [JSONRenderer, MarkdownTemplate]
    serializer_class = BugReportDetailSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ}
    refusals: ClassVar = {"GET": (RemovedByRetention,)}

    @extend_schema(
        operation_id="get_bug_report",
        responses={(200, "application/json"): BugReportDetailSerializer, (200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one bug report, as JSON or as the Markdown template."""
        return self.retrieve(request, *args, **kwargs)
