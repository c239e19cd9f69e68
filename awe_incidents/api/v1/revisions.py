"""Revisions of a bug report: corrections that leave what was filed as it was."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import Text
from awe_incidents.api.kept import represent
from awe_incidents.api.parameters import Parameters
from awe_incidents.api.parsers import MarkdownTemplateParser, StrictJsonParser
from awe_incidents.api.preconditions import asked_version
from awe_incidents.api.renderers import MarkdownTemplate
from awe_incidents.api.v1.found import OfReport
from awe_incidents.api.v1.report_answers import BugReportDetailSerializer, RevisionLineSerializer, RevisionSerializer
from awe_incidents.api.v1.report_forms import MAX_REASON, REVISION_FORMS, read_revision
from awe_incidents.api.views import NOT_REDACTED, CreateView, created
from awe_incidents.incidents.errors import NothingChanged, RemovedByRetention, RoleRequired, TooManyRevisions
from awe_incidents.incidents.models import ReportRevision
from awe_incidents.incidents.operations import MAX_REVISIONS, revise_bug_report
from awe_incidents.incidents.queries import revision_of, revisions_of

NUMBER = OpenApiParameter(
    "number", {"type": "integer", "minimum": 1, "maximum": MAX_REVISIONS}, location=OpenApiParameter.PATH
)


class RevisingParameters(Parameters):
    """What the template has no section for."""

    because = Text(
        required=False, max_length=MAX_REASON, help_text="Why, where the body is Markdown; JSON has a field."
    )


class RevisionList(OfReport, CreateView):
    """Revisions of a bug report."""

    pagination_class = None
    parser_classes = [StrictJsonParser, MarkdownTemplateParser]
    serializer_class = RevisionLineSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ, "POST": Scope.REPORTS_WRITE}
    parameters: ClassVar = {"POST": RevisingParameters}
    conditional: ClassVar = frozenset({"POST"})
    refusals: ClassVar = {
        "GET": (RemovedByRetention,),
        "POST": (RoleRequired, NothingChanged, TooManyRevisions, RemovedByRetention, *NOT_REDACTED),
    }

    def get_renderers(self) -> list[Any]:
        """Give a revised report as Markdown, too; a list has no such form."""
        more = [MarkdownTemplate()] if self.request.method == "POST" else []
        return [JSONRenderer(), *more]

    @extend_schema(operation_id="list_revisions", responses=RevisionLineSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what a report said before, newest first; the last one is the report as filed."""
        return Response(self.get_serializer(revisions_of(self.get_object()), many=True).data)

    @extend_schema(
        operation_id="revise_bug_report",
        request={"application/json": REVISION_FORMS, "text/markdown": OpenApiTypes.STR},
        responses={(201, "application/json"): BugReportDetailSerializer, (201, "text/markdown"): OpenApiTypes.STR},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revise a bug report by the fields that change, or by the whole template; gives the report as it is now."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revise it."""
        report = self.get_object()
        version = asked_version(request, current=report.version)
        changes, because = read_revision(request.data, because=self.asked.get("because", ""))
        report = revise_bug_report(
            report=report,
            changes=changes,
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            because=because,
            version=version,
        )
        data = represent(BugReportDetailSerializer, report, context=self.get_serializer_context())
        return created(data, location=data["revisions"][0]["url"])


class RevisionDetail(OfReport):
    """One revision of a bug report."""

    renderer_classes = [JSONRenderer, MarkdownTemplate]
    serializer_class = RevisionSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ}
    refusals: ClassVar = {"GET": (RemovedByRetention,)}

    @extend_schema(
        operation_id="get_revision",
        parameters=[NUMBER],
        responses={(200, "application/json"): RevisionSerializer, (200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give what a report said in one revision, as JSON or as the Markdown template."""
        try:
            revision = revision_of(self.get_object(), self.kwargs["number"])
        except ReportRevision.DoesNotExist:
            raise Http404 from None
        return Response(self.get_serializer(revision).data)
