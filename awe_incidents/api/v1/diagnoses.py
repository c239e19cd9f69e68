"""What a run's results mean: ranked causes with the evidence of each, while the run goes and afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.models import ApiToken
from awe_incidents.accounts.queries import usable_scopes
from awe_incidents.accounts.roles import Scope
from awe_incidents.api.choices import CATEGORIES, CONCLUSIONS, RUN_STATES, SEVERITIES
from awe_incidents.api.kept import represent
from awe_incidents.api.v1.diagnosis_markdown import MarkdownDiagnosis
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.manual_actions import shown_by_hand
from awe_incidents.api.v1.recovery_answers import JsonObject
from awe_incidents.api.v1.results import MeasuredValueField
from awe_incidents.api.v1.similar import shown_similar
from awe_incidents.api.v1.suggestions import shown_suggestion
from awe_incidents.api.views import ScopedView
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_incidents, visible_runs
from awe_incidents.recovery.recommendations import Recommended, recommended_by
from diagnostics.errors import DescriptionOutdated
from diagnostics.models import Evidence, Run
from diagnostics.queries import diagnosis_of


class CitedSpan(serializers.Serializer[Any]):
    """Lines of a piece of evidence; `url` gives exactly them, and is null when retention has removed it."""

    check = serializers.CharField()
    evidence = serializers.CharField()
    first_line = serializers.IntegerField(min_value=1)
    last_line = serializers.IntegerField(min_value=1)
    url = serializers.URLField(allow_null=True)


class ExplainedCause(serializers.Serializer[Any]):
    """A cause that is there only because of another one."""

    code = serializers.CharField()
    subject = serializers.CharField()


class ExplainedFinding(serializers.Serializer[Any]):
    """A finding that follows from a cause."""

    check = serializers.CharField()
    code = serializers.CharField()
    target = serializers.CharField(allow_blank=True)
    message = serializers.CharField()


class Explained(serializers.Serializer[Any]):
    """What a cause accounts for beside its own signs."""

    causes = ExplainedCause(many=True)
    findings = ExplainedFinding(many=True)


class DiagnosedCause(serializers.Serializer[Any]):
    """Something that is wrong, and what shows it."""

    code = serializers.CharField()
    title = serializers.CharField()
    sentence = serializers.CharField()
    subject = serializers.CharField(help_text="What it is about: a service, file, host or account.")
    service = serializers.CharField(allow_blank=True)
    category = serializers.ChoiceField(choices=CATEGORIES)
    severity = serializers.ChoiceField(choices=SEVERITIES)
    score = serializers.FloatField(min_value=0, max_value=1)
    warns_only = serializers.BooleanField(help_text="Nothing failed for it yet.")
    evidence = CitedSpan(many=True)
    explains = Explained()
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Codes that it predicts and that nobody saw."
    )
    actions = serializers.ListField(child=serializers.CharField(), help_text="Recovery actions, by slug.")
    how_to = serializers.CharField(help_text="The page that tells what to do, below docs/.")


class RefutedCause(serializers.Serializer[Any]):
    """Something that is not wrong though it looked like it, and what speaks against it."""

    code = serializers.CharField()
    subject = serializers.CharField()
    sentence = serializers.CharField()
    reason = serializers.CharField()
    evidence = CitedSpan(many=True)


class UnexplainedFinding(ExplainedFinding):
    """A failed finding that no cause accounts for."""

    evidence = CitedSpan(many=True)


class DecidingCheck(serializers.Serializer[Any]):
    """The check that would decide an inconclusive diagnosis."""

    check = serializers.CharField()
    because = serializers.CharField()


class ChangedValue(serializers.Serializer[Any]):
    """A value that is not what it was when a run last saw no failure."""

    check = serializers.CharField()
    target = serializers.CharField(allow_blank=True)
    service = serializers.CharField(allow_blank=True)
    what = serializers.CharField(help_text="Which value: image, configuration, environment, sha256, connect ...")
    before = MeasuredValueField(allow_null=True)
    after = MeasuredValueField(allow_null=True)
    unit = serializers.CharField(allow_blank=True, help_text="`names`: a set of names, separated by blanks.")
    since = serializers.CharField(allow_blank=True, help_text="When it was last seen as before, ISO 8601.")
    sentence = serializers.CharField()
    evidence = CitedSpan(many=True)


class CoveredCheck(serializers.Serializer[Any]):
    """How one check ended; `message` says why where it did not look."""

    check = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    prerequisite = serializers.CharField(allow_blank=True, help_text="The check that has to be right first.")


class CoverageSerializer(serializers.Serializer[Any]):
    """Which checks looked, and which did not and why."""

    looked = CoveredCheck(many=True)
    could_not_look = CoveredCheck(many=True)
    skipped = CoveredCheck(many=True, help_text="Something has to be right first, or the check held itself back.")
    not_applicable = CoveredCheck(many=True, help_text="The stack describes nothing for them.")


class SuggestedClassification(serializers.Serializer[Any]):
    """What the likeliest cause suggests for the incident; people decide."""

    category = serializers.ChoiceField(choices=CATEGORIES)
    severity = serializers.ChoiceField(choices=SEVERITIES)
    actions = serializers.ListField(child=serializers.CharField())


class DiagnosisSerializer(serializers.Serializer[Any]):
    """What the results of a run mean; of one that still goes, the results so far."""

    format = serializers.IntegerField(min_value=1)
    run = serializers.IntegerField(min_value=1)
    run_url = serializers.URLField()
    state = serializers.ChoiceField(choices=RUN_STATES, help_text="Of the run; until it is finished this may change.")
    verdict = serializers.ChoiceField(choices=CONCLUSIONS)
    causes = DiagnosedCause(many=True)
    refuted = RefutedCause(many=True)
    unexplained = UnexplainedFinding(many=True)
    deciding = DecidingCheck(allow_null=True)
    changed = ChangedValue(many=True, help_text="Since a run last saw no failure; nearest to the first cause first.")
    suggested = SuggestedClassification(allow_null=True)
    coverage = CoverageSerializer(allow_null=True, help_text="Null of a diagnosis that was kept before it was told.")


class RecommendedAction(serializers.Serializer[Any]):
    """A recovery action for one of the causes, with what the cause tells of its parameters."""

    run = serializers.IntegerField(min_value=1)
    cause = serializers.CharField()
    subject = serializers.CharField(allow_blank=True)
    action = serializers.CharField(help_text="Its slug.")
    title = serializers.CharField()
    tier = serializers.IntegerField(min_value=0, max_value=3)
    approvals_needed = serializers.IntegerField(help_text="By others than the requester.")
    parameters = JsonObject(help_text="As far as the cause tells them.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="Parameters that you have to name.")
    not_applicable = serializers.CharField(allow_blank=True, help_text="Why this stack has nothing for it, or empty.")
    evidence = CitedSpan(many=True)


class IncidentDiagnosisSerializer(DiagnosisSerializer):
    """What the latest run made for an incident means, and what can be done about it."""

    recommended = RecommendedAction(many=True, help_text="Ask with POST /api/v1/incidents/{id}/recovery-requests/.")


class RunDiagnosis(ScopedView):
    """The diagnosis of a run."""

    serializer_class = DiagnosisSerializer
    renderer_classes = [JSONRenderer, MarkdownDiagnosis]
    scopes: ClassVar = {"GET": Scope.RUNS_READ}
    refusals: ClassVar = {"GET": (DescriptionOutdated,)}

    def get_queryset(self) -> QuerySet[Run]:
        """Start from what the caller may see."""
        return visible_runs(self.person)

    @extend_schema(
        operation_id="get_run_diagnosis",
        responses={(200, "application/json"): DiagnosisSerializer, (200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give what a run's results mean, as JSON or Markdown; poll with If-None-Match while it goes."""
        return Response(_shown_diagnosis(self.get_object(), request))


class IncidentDiagnosis(ScopedView):
    """The diagnosis of an incident's latest run."""

    serializer_class = IncidentDiagnosisSerializer
    renderer_classes = [JSONRenderer, MarkdownDiagnosis]
    scopes: ClassVar = {"GET": Scope.RUNS_READ}
    refusals: ClassVar = {"GET": (DescriptionOutdated,)}

    @extend_schema(
        operation_id="get_incident_diagnosis",
        responses={(200, "application/json"): IncidentDiagnosisSerializer, (200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give what the latest run made for an incident says; 404 before there is one."""
        incident = get_object_or_404(visible_incidents(self.person), pk=kwargs["id"])
        runs = visible_runs(self.person).filter(incident_runs__incident=incident)
        run = runs.order_by("-pk").first()
        if run is None:
            raise Http404
        shown = _shown_diagnosis(run, request)
        shown["recommended"] = [_shown_recommended(one, shown["causes"]) for one in recommended_by(run)]
        if request.accepted_renderer.format == MarkdownDiagnosis.format:
            shown |= self._told(incident, request)
        return Response(shown)

    def _told(self, incident: Incident, request: Request) -> dict[str, Any]:
        """Give what has addresses of its own in JSON: the diagnosis alone takes the scope of runs."""
        scopes = usable_scopes(request.auth) if isinstance(request.auth, ApiToken) else frozenset()
        told: dict[str, Any] = {}
        if Scope.INCIDENTS_READ in scopes:
            told["suggestion"] = shown_suggestion(incident, request)
            told["similar"] = shown_similar(incident, self.person, request)
        if Scope.RECOVERY_READ in scopes:
            told["done_by_hand"] = shown_by_hand(incident, request)
        return told


def _shown_recommended(one: Recommended, causes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Cite as its cause does."""
    cause = next(each for each in causes if (each["code"], each["subject"]) == (one.cause, one.subject))
    return represent(RecommendedAction, {**asdict(one), "evidence": cause["evidence"]})


def _shown_diagnosis(run: Run, request: Request) -> dict[str, Any]:
    document = diagnosis_of(run)
    if document is None:
        raise Http404
    document.setdefault("changed", [])  # one that was kept before changes were told
    document.setdefault("coverage", None)  # or before coverage was
    spans = [one for name in ("causes", "refuted", "unexplained", "changed") for one in document[name]]
    cited = _addresses(run, {span["check"] for one in spans for span in one["evidence"]}, request)
    for one in spans:
        for span in one["evidence"]:
            address = cited.get((span["check"], span["evidence"]))
            lines = f"?first_line={span['first_line']}&last_line={span['last_line']}"
            span["url"] = f"{address}{lines}" if address else None
    shown = {**document, "run": run.pk, "run_url": link(request, "run", id=run.pk), "state": run.state}
    return represent(DiagnosisSerializer, shown)


def _addresses(run: Run, checks: set[str], request: Request) -> dict[tuple[str, str], str]:
    pieces = Evidence.objects.filter(result__run=run, result__slug__in=checks)
    return {
        (slug, key): link(request, "evidence-text", id=pk)
        for slug, key, pk in pieces.values_list("result__slug", "key", "pk")
    }
