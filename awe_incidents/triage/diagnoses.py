"""A diagnosis for the screen: causes as a tree, each with links to exactly the lines that show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from awe_incidents.triage.facts import address
from awe_incidents.triage.texts import Span
from diagnostics.checks.registry import all_checks
from diagnostics.diagnosis.coverage import Coverage
from diagnostics.errors import DescriptionOutdated
from diagnostics.models import Evidence, Run
from diagnostics.queries import diagnosis_of

WORDS = {
    "healthy": ("pass", "healthy"),
    "diagnosed": ("fail", "diagnosed"),
    "inconclusive": ("warn", "inconclusive"),
    "could_not_look": ("error", "could not look"),
}


@dataclass(frozen=True, slots=True)
class ShownSpan:
    """Cited lines; `href` opens exactly them, and is empty where retention has taken them."""

    check: str
    span: Span
    href: str


@dataclass(frozen=True, slots=True)
class ShownDiagnosis:
    """A diagnosis with its spans resolved to addresses."""

    key: str
    words: str
    document: Mapping[str, Any]
    causes: tuple[tuple[Mapping[str, Any], tuple[ShownSpan, ...]], ...]
    refuted: tuple[tuple[Mapping[str, Any], tuple[ShownSpan, ...]], ...]
    unexplained: tuple[tuple[Mapping[str, Any], tuple[ShownSpan, ...]], ...]
    changed: tuple[tuple[Mapping[str, Any], tuple[ShownSpan, ...]], ...]

    @property
    def coverage(self) -> Coverage | None:
        """Give which checks looked; None of one that was kept before that was told."""
        told = self.document.get("coverage")
        return Coverage.read(told) if told else None

    @property
    def deciding_title(self) -> str:
        """Give what the deciding check looks at."""
        deciding = self.document["deciding"]
        known = all_checks().get(deciding["check"]) if deciding else None
        return known.title if known else ""


def shown_diagnosis(run: Run) -> ShownDiagnosis | None:
    """Gather a run's diagnosis; None where there is none."""
    try:
        document = diagnosis_of(run)
    except DescriptionOutdated:
        return None
    if document is None:
        return None
    lists = [document.get(name, []) for name in ("causes", "refuted", "unexplained", "changed")]
    cited = _cited(run, {span["check"] for one in lists for entry in one for span in entry["evidence"]})
    key, words = WORDS[document["verdict"]]
    return ShownDiagnosis(
        key, words, document, *(tuple((one, _spans(one, cited)) for one in entries) for entries in lists)
    )


def _cited(run: Run, checks: Iterable[str]) -> dict[tuple[str, str], Evidence]:
    pieces = Evidence.objects.filter(result__run=run, result__slug__in=list(checks)).select_related("result")
    return {(piece.result.slug, piece.key): piece for piece in pieces.only("pk", "key", "result__slug")}


def _spans(entry: Mapping[str, Any], cited: Mapping[tuple[str, str], Evidence]) -> tuple[ShownSpan, ...]:
    return tuple(_span(one, cited.get((one["check"], one["evidence"]))) for one in entry["evidence"])


def _span(one: Mapping[str, Any], piece: Evidence | None) -> ShownSpan:
    span = Span(one["first_line"], one["last_line"])
    href = f"{address(piece)}?lines={span}#L{span.first}" if piece else ""
    return ShownSpan(one["check"], span, href)
