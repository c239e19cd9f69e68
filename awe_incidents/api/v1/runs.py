"""Runs: asked for, listed, and followed while they go."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.choices import RUN_STATES, SUITES
from awe_incidents.api.fields import Choice, Fields, Text
from awe_incidents.api.kept import validated
from awe_incidents.api.parameters import PageParameters
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.results import CountsField, ResultSerializer
from awe_incidents.api.views import CreateView, ListView, ScopedView, created
from awe_incidents.incidents.errors import NothingFailed, RoleRequired
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import recheck_incident, request_incident_run
from awe_incidents.incidents.queries import visible_incidents, visible_runs
from diagnostics.models import CheckResult, Evidence, Run


class RunSerializer(serializers.ModelSerializer[Run]):
    """A run without its results."""

    url = serializers.SerializerMethodField()
    stack = serializers.CharField(source="stack.name", read_only=True)
    suite = serializers.ChoiceField(choices=SUITES, read_only=True)
    state = serializers.ChoiceField(choices=RUN_STATES, read_only=True)
    counts = CountsField(read_only=True)
    is_scheduled = serializers.BooleanField(read_only=True, help_text="Asked for by the stack's schedule.")
    checks = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="It looks with these and what they require; empty: with its suite.",
    )
    results_removed_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the stack's retention took results and evidence; null before."
    )

    class Meta:
        model = Run
        fields = [
            "id",
            "url",
            "stack",
            "suite",
            "is_scheduled",
            "checks",
            "state",
            "requested_at",
            "started_at",
            "deadline_at",
            "finished_at",
            "counts",
            "digest",
            "results_removed_at",
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


@extend_schema_serializer(component_name="Run")
class RunRequest(Fields):
    """Which suite to run."""

    suite = Choice(choices=SUITES, default="full")


class RunParameters(PageParameters):
    """Which runs."""

    stack = Text(required=False, max_length=63)
    suite = Choice(required=False, choices=SUITES)


class RunList(ListView):
    """Runs."""

    serializer_class = RunSerializer
    scopes: ClassVar = {"GET": Scope.RUNS_READ}
    parameters: ClassVar = {"GET": RunParameters}
    filters: ClassVar = {"stack": "stack_id", "suite": "suite"}

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


class IncidentRuns(ListView, CreateView):
    """Runs made for an incident."""

    serializer_class = RunSerializer
    scopes: ClassVar = {"GET": Scope.RUNS_READ, "POST": Scope.RUNS_WRITE}
    refusals: ClassVar = {"POST": (RoleRequired,)}

    def get_queryset(self) -> QuerySet[Run]:
        """Start from a visible incident."""
        if getattr(self, "swagger_fake_view", False):
            return Run.objects.none()
        return visible_runs(self.person).filter(incident_runs__incident=self._incident())

    def _incident(self) -> Incident:
        return get_object_or_404(visible_incidents(self.person), pk=self.kwargs["id"])

    @extend_schema(operation_id="list_incident_runs")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the runs of an incident, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(operation_id="request_run", request=RunRequest, responses={201: RunSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at the incident's stack again."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Queue the run."""
        incident = self._incident()
        asked = validated(RunRequest, request.data)
        run = request_incident_run(
            incident=incident,
            suite_name=asked["suite"],
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
        )
        data = self.get_serializer(run).data
        return created(data, location=data["url"])


class IncidentRechecks(CreateView):
    """Runs with the checks alone that failed in an incident's runs."""

    serializer_class = RunSerializer
    scopes: ClassVar = {"POST": Scope.RUNS_WRITE}
    refusals: ClassVar = {"POST": (RoleRequired, NothingFailed)}

    @extend_schema(operation_id="recheck_incident", request=None, responses={201: RunSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look again with the checks that failed and have not passed since; an incident is resolved by that."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Queue the run."""
        incident = get_object_or_404(visible_incidents(self.person), pk=kwargs["id"])
        run = recheck_incident(incident=incident, user=self.person, by=actor_of(request), at=timezone.now())
        data = self.get_serializer(run).data
        return created(data, location=data["url"])
