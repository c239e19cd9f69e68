"""Runs, their results, and the evidence that those cite."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.schema import IDEMPOTENCY_KEY
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import CreateView, ScopedView, created
from awe_incidents.incidents.operations import request_incident_run
from awe_incidents.incidents.queries import visible_evidence, visible_incidents, visible_runs
from diagnostics.checks.base import SUITES
from diagnostics.models import CheckResult, Evidence, Run
from diagnostics.queries import evidence_text
from diagnostics.states import RunState


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    """What a check saw; the text is at `text_url`."""

    sha256 = serializers.CharField(source="text_id", read_only=True)
    size_bytes = serializers.IntegerField(source="text.size_bytes", read_only=True)
    line_count = serializers.IntegerField(source="text.line_count", read_only=True)
    text_url = serializers.SerializerMethodField()

    class Meta:
        model = Evidence
        fields = [
            "id",
            "key",
            "kind",
            "source",
            "sha256",
            "size_bytes",
            "line_count",
            "first_line",
            "captured_from",
            "captured_until",
            "rule_set_version",
            "redactions",
            "dropped_bytes",
            "text_url",
        ]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_text_url(self, evidence: Evidence) -> str:
        """Give the address of the text."""
        return link(self.context["request"], "evidence-text", id=evidence.pk)


class ResultSerializer(serializers.ModelSerializer[CheckResult]):
    """The answer of one check: its worst finding in front, all findings and evidence behind."""

    check_id = serializers.CharField(source="slug", read_only=True)
    evidence = EvidenceSerializer(many=True, read_only=True)

    class Meta:
        model = CheckResult
        fields = [
            "id",
            "check_id",
            "version",
            "progress",
            "state",
            "code",
            "message",
            "target",
            "prerequisite",
            "findings",
            "next_checks",
            "vantage",
            "started_at",
            "duration_ms",
            "evidence",
        ]
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run without its results."""

    url = serializers.SerializerMethodField()
    stack = serializers.CharField(source="stack.name", read_only=True)
    state = serializers.ChoiceField(choices=[(s.value, s.value) for s in RunState], read_only=True)

    class Meta:
        model = Run
        fields = [
            "id",
            "url",
            "stack",
            "suite",
            "state",
            "requested_at",
            "started_at",
            "deadline_at",
            "finished_at",
            "counts",
            "digest",
        ]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, run: Run) -> str:
        """Give the run's address."""
        return link(self.context["request"], "run", id=run.pk)


class RunDetailSerializer(RunSerializer):
    """A run with its results."""

    results = ResultSerializer(many=True, read_only=True)

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "results"]
        read_only_fields = fields


class RunRequest(serializers.Serializer[Any]):
    """Which suite to run."""

    suite = serializers.ChoiceField(choices=SUITES, default="full")


class RunList(ListModelMixin, ScopedView):
    """Runs."""

    serializer_class = RunSerializer
    filterset_fields: ClassVar = {"stack__name": ["exact"], "suite": ["exact"]}
    scopes: ClassVar = {"GET": Scope.RUNS_READ}

    def get_queryset(self) -> QuerySet[Run]:
        """Start from what the caller may see."""
        return visible_runs(self.person)

    @extend_schema(operation_id="list_runs")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List runs, newest first."""
        return self.list(request, *args, **kwargs)


class RunDetail(RetrieveModelMixin, ScopedView):
    """One run."""

    serializer_class = RunDetailSerializer
    scopes: ClassVar = {"GET": Scope.RUNS_READ}

    def get_queryset(self) -> QuerySet[Run]:
        """Start from what the caller may see, with results and evidence in three statements."""
        results = CheckResult.objects.order_by("slug").prefetch_related(
            Prefetch("evidence", Evidence.objects.select_related("text").defer("text__compressed").order_by("id"))
        )
        return visible_runs(self.person).prefetch_related(Prefetch("results", results))

    @extend_schema(operation_id="get_run")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one run with its results, as far as they are there; poll with If-None-Match."""
        return self.retrieve(request, *args, **kwargs)


class IncidentRuns(ListModelMixin, CreateView):
    """Runs made for an incident."""

    serializer_class = RunSerializer
    scopes: ClassVar = {"GET": Scope.RUNS_READ, "POST": Scope.RUNS_WRITE}

    def get_queryset(self) -> QuerySet[Run]:
        """Start from a visible incident."""
        if getattr(self, "swagger_fake_view", False):
            return Run.objects.none()
        incident = get_object_or_404(visible_incidents(self.person), pk=self.kwargs["id"])
        return visible_runs(self.person).filter(incident_runs__incident=incident)

    @extend_schema(operation_id="list_incident_runs")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the runs of an incident, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="request_run", request=RunRequest, responses={201: RunSerializer}, parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at the incident's stack again."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Queue the run."""
        incident = get_object_or_404(visible_incidents(self.person), pk=self.kwargs["id"])
        asked = RunRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        run = request_incident_run(
            incident=incident,
            suite_name=asked.validated_data["suite"],
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
        )
        data = self.get_serializer(run).data
        return created(data, location=data["url"])


class EvidenceDetail(RetrieveModelMixin, ScopedView):
    """One piece of evidence, without its text."""

    serializer_class = EvidenceSerializer
    scopes: ClassVar = {"GET": Scope.RUNS_READ}

    def get_queryset(self) -> QuerySet[Evidence]:
        """Start from what the caller may see."""
        return visible_evidence(self.person).defer("text__compressed")

    @extend_schema(operation_id="get_evidence")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one piece of evidence."""
        return self.retrieve(request, *args, **kwargs)


class LineSpan(serializers.Serializer[Any]):
    """Which lines of a text to give."""

    first_line = serializers.IntegerField(required=False, default=1, min_value=1, max_value=2**31 - 1)
    last_line = serializers.IntegerField(
        required=False, default=None, min_value=1, max_value=2**31 - 1, allow_null=True
    )


class EvidenceText(ScopedView):
    """The redacted text of a piece of evidence."""

    scopes: ClassVar = {"GET": Scope.RUNS_READ}

    @extend_schema(
        operation_id="get_evidence_text",
        parameters=[LineSpan],
        responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="The text, as an attachment.")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the text, or the lines of it that a citation names, as a plain-text attachment."""
        evidence = get_object_or_404(visible_evidence(self.person).defer("text__compressed"), pk=self.kwargs["id"])
        span = LineSpan(data=request.query_params)
        span.is_valid(raise_exception=True)
        text = evidence_text(evidence.text_id)
        if span.validated_data != {"first_line": 1, "last_line": None}:
            lines = text.split("\n")[span.validated_data["first_line"] - 1 : span.validated_data["last_line"]]
            text = "\n".join(lines)
        return HttpResponse(
            text.encode(),
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="evidence-{evidence.pk}.txt"',
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )
