"""What a run's results mean: ranked causes with the evidence of each, while the run goes and afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.choices import CATEGORIES, CONCLUSIONS, RUN_STATES, SEVERITIES
from awe_incidents.api.kept import represent
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import ScopedView
from awe_incidents.incidents.queries import visible_incidents, visible_runs
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
    suggested = SuggestedClassification(allow_null=True)


class MarkdownDiagnosis(BaseRenderer):
    """A diagnosis as Markdown, to be pasted where people talk."""

    media_type = "text/markdown"
    format = "md"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Write causes, what was refuted and what is open."""
        return "\n".join(_markdown(data)).encode() + b"\n"


def _markdown(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Diagnosis of run {data['run']}: {data['verdict'].replace('_', ' ')}"
    for place, cause in enumerate(data["causes"], start=1):
        yield f"\n## {place}. {_text(cause['sentence'])}\n"
        yield f"`{cause['code']}`, {cause['score']:.0%}, {cause['severity']}, {cause['category']}\n"
        yield from (_shown(span) for span in cause["evidence"])
        yield from (f"- explains {one['check']} `{one['code']}`" for one in cause["explains"]["findings"])
        yield from (f"- explains `{one['code']}` of {_text(one['subject'])}" for one in cause["explains"]["causes"])
        yield f"- what to do: docs/{cause['how_to']}"
    for refuted in data["refuted"]:
        yield f"\nNot `{refuted['code']}` of {_text(refuted['subject'])}: {_text(refuted['reason'])}"
    for open_end in data["unexplained"]:
        yield f"\nWithout a known cause: {open_end['check']} `{open_end['code']}`: {_text(open_end['message'])}"
    if data["deciding"]:
        yield f"\n{data['deciding']['check']} would decide: {_text(data['deciding']['because'])}"


def _shown(span: Mapping[str, Any]) -> str:
    lines = f"lines {span['first_line']} to {span['last_line']}"
    return f"- shown by {span['check']}, {lines}: {span['url'] or 'removed by retention'}"


def _text(text: str) -> str:
    """Keep what a target wrote from being read as markup."""
    return "".join(f"\\{one}" if one in "\\`*_[]<>#|!" else one for one in text.replace("\n", " "))


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

    serializer_class = DiagnosisSerializer
    renderer_classes = [JSONRenderer, MarkdownDiagnosis]
    scopes: ClassVar = {"GET": Scope.RUNS_READ}
    refusals: ClassVar = {"GET": (DescriptionOutdated,)}

    @extend_schema(
        operation_id="get_incident_diagnosis",
        responses={(200, "application/json"): DiagnosisSerializer, (200, "text/markdown"): OpenApiTypes.STR},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give what the latest run made for an incident says; 404 before there is one."""
        incident = get_object_or_404(visible_incidents(self.person), pk=kwargs["id"])
        runs = visible_runs(self.person).filter(incident_runs__incident=incident)
        run = runs.order_by("-pk").first()
        if run is None:
            raise Http404
        return Response(_shown_diagnosis(run, request))


def _shown_diagnosis(run: Run, request: Request) -> dict[str, Any]:
    document = diagnosis_of(run)
    if document is None:
        raise Http404
    spans = [*document["causes"], *document["refuted"], *document["unexplained"]]
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
