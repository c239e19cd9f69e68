"""A run for the screen: results from bad to good, each with its findings and the cited lines themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch

from awe_incidents.triage.diagnoses import ShownDiagnosis, shown_diagnosis
from awe_incidents.triage.texts import Line, Span, lines_of
from diagnostics.models import CheckResult, Evidence, EvidenceText, Run
from diagnostics.queries import results_of
from diagnostics.states import ResultProgress, RunState

FROM_BAD_TO_GOOD = ("fail", "error", "warn", "", "skip", "pass")
OPENED = ("fail", "error", "warn")  # their citations are shown at once
MAX_EXCERPTS = 24  # per page; further ones are links
MAX_EXCERPT_LINES = 30
CONTEXT_LINES = 2


@dataclass(slots=True)
class Excerpt:
    """Cited lines with a little around them; `more` counts cited lines that are only in the whole text."""

    evidence: Evidence
    span: Span
    lines: Sequence[Line] = ()
    more: int = 0


@dataclass(slots=True)
class ShownFinding:
    """One finding as it was stored, and its excerpts."""

    stored: Mapping[str, Any]
    is_leading: bool = False  # its words stand in the result's row already
    excerpts: list[Excerpt] = field(default_factory=list)


@dataclass(slots=True)
class ShownResult:
    """One result: what its row says first, and its findings."""

    row: CheckResult
    findings: list[ShownFinding]

    @property
    def word(self) -> str:
        """Give the state, or where the look stands while there is none."""
        return self.row.state or self.row.progress

    @property
    def is_open(self) -> bool:
        """Say whether the citations are shown at once."""
        return self.row.state in OPENED

    @property
    def bad(self) -> list[ShownFinding]:
        """Give the findings that made the state what it is, and those that are bad, too."""
        return [one for one in self.findings if one.stored["state"] in OPENED]

    @property
    def good(self) -> list[ShownFinding]:
        """Give the other findings."""
        return [one for one in self.findings if one.stored["state"] not in OPENED]


@dataclass(slots=True)
class ShownRun:
    """A run with its progress."""

    run: Run
    results: list[ShownResult]
    diagnosis: ShownDiagnosis | None

    @property
    def is_open(self) -> bool:
        """Say whether something may still change."""
        return self.run.state != RunState.FINISHED

    @property
    def stored(self) -> int:
        """Count the answers that are there."""
        return sum(one.row.progress == ResultProgress.STORED for one in self.results)

    @property
    def counts(self) -> list[tuple[str, str]]:
        """Give how many results there are by state, from bad to good, in words."""
        number = Counter(one.row.state for one in self.results if one.row.state)
        return [(state, f"{number[state]} {state}") for state in FROM_BAD_TO_GOOD if number[state]]


def shown_run(run: Run) -> ShownRun:
    """Gather a run with three statements, and one more for cited texts."""
    pieces = Evidence.objects.select_related("text").defer("text__compressed").order_by("pk")
    rows = results_of(run).prefetch_related(Prefetch("evidence", pieces))
    results = [_shown(row) for row in rows]
    results.sort(key=lambda one: (FROM_BAD_TO_GOOD.index(one.row.state), one.row.slug))
    fill_excerpts(finding for result in results for finding in result.bad)
    return ShownRun(run, results, shown_diagnosis(run) if results else None)


def shown_result(row: CheckResult) -> ShownResult:
    """Gather one result."""
    shown = _shown(row)
    fill_excerpts(shown.findings)
    return shown


def _shown(row: CheckResult) -> ShownResult:
    pieces = {piece.key: piece for piece in row.evidence.all()}
    return ShownResult(
        row,
        [
            ShownFinding(finding, _is_leading(finding, row), list(_excerpts(finding["citations"], pieces)))
            for finding in row.findings
        ],
    )


def _is_leading(finding: Mapping[str, Any], row: CheckResult) -> bool:
    return bool(finding["code"] == row.code and finding["message"] == row.message)


def _excerpts(citations: Iterable[Mapping[str, Any]], pieces: Mapping[str, Evidence]) -> Iterable[Excerpt]:
    for one in citations:
        if piece := pieces.get(one["evidence"]):
            yield Excerpt(piece, Span(one["first_line"], min(one["last_line"], piece.text.line_count)))


def fill_excerpts(findings: Iterable[ShownFinding]) -> None:
    """Read the cited lines of the first findings."""
    wanted = [excerpt for finding in findings for excerpt in finding.excerpts][:MAX_EXCERPTS]
    keys = {excerpt.evidence.text_id for excerpt in wanted}
    texts = dict(EvidenceText.objects.filter(pk__in=keys).values_list("pk", "compressed")) if keys else {}
    for excerpt in wanted:
        _fill(excerpt, bytes(texts[excerpt.evidence.text_id]))


def _fill(excerpt: Excerpt, compressed: bytes) -> None:
    span = excerpt.span
    last = min(span.last, span.first + MAX_EXCERPT_LINES - 1)
    window = Span(max(1, span.first - CONTEXT_LINES), last + CONTEXT_LINES if last == span.last else last)
    excerpt.lines = lines_of(compressed, window=window, cited=span)
    excerpt.more = span.last - last
