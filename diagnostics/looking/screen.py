"""What a person sees of a session: a live table on a terminal, a plain line per result elsewhere, then a summary.

Everything shown may come from a hostile target, so control characters are shown as escapes, never sent on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from diagnostics.checks.registry import check
from diagnostics.checks.result import Citation, Evidence, Finding, Result, State
from diagnostics.diagnosis.diagnosis import Diagnosis
from diagnostics.looking.report import SessionReport, Verdict

STYLES = {State.PASS: "green", State.WARN: "yellow", State.FAIL: "bold red", State.SKIP: "dim", State.ERROR: "magenta"}
SHOWN_LINES = 8  # of one citation
VERDICTS = {
    Verdict.HEALTHY: "healthy: nothing failed",
    Verdict.UNHEALTHY: "unhealthy",
    Verdict.INCONCLUSIVE: "inconclusive: something failed without a known cause, or could not be looked at",
    Verdict.COULD_NOT_LOOK: "could not look at anything",
}


class Screen:
    """Shows results as they come; use as a context manager around the session."""

    def __init__(self, console: Console, *, shows_lines: bool = True) -> None:
        self._console = console
        self._shows_lines = shows_lines
        self._began: dict[str, float] = {}
        self._results: dict[str, Result] = {}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        """Begin to draw, on a terminal."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._live.stop()

    def started(self, slug: str) -> None:
        """Show that a check looks now."""
        self._began[slug] = time.monotonic()

    def finished(self, result: Result) -> None:
        """Show a result."""
        self._results[result.check] = result
        if self._shows_lines:
            self._console.print(line_of(result), soft_wrap=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for slug, began in self._began.items():
            if slug not in self._results:
                seconds = f"{time.monotonic() - began:.1f} s"
                table.add_row(Text("looking", style="cyan"), Text(slug), Text(check(slug).title, style="dim"), seconds)
        return table


def line_of(result: Result) -> Text:
    """Give a result in one line."""
    leading = result.leading
    line = Text(f"{result.state.value:<5}", style=STYLES[result.state])
    line.append(f"  {result.check:<28}", style="default")
    line.append(f"  {leading.code}  ", style="bold" if result.state is State.FAIL else "dim")
    line.append(printable(leading.message), style="default")
    return line


def print_summary(report: SessionReport, console: Console) -> None:
    """Print what failed with its cited evidence, what was not looked at and why, and the verdict."""
    for state in (State.FAIL, State.WARN):
        for result, finding in report.findings(state):
            console.print()
            _print_finding(result, finding, console)
    console.print()
    _print_causes(report.diagnosis, console)
    console.print(Text(f"{report.coverage}; {report.seconds:.1f} s"), soft_wrap=True)
    for word, slug, reason in report.coverage.reasons():
        console.print(Text(f"  {word}: {slug}: {printable(reason)}", style="dim"), soft_wrap=True)
    style = "bold green" if report.verdict is Verdict.HEALTHY else "bold red"
    console.print(Text(f"{report.stack.name}: {VERDICTS[report.verdict]}", style=style), soft_wrap=True)


def _print_causes(diagnosis: Diagnosis, console: Console) -> None:
    """Print the causes with what follows from each, then what was refuted and what would decide."""
    for place, root in enumerate(diagnosis.roots, start=1):
        one = root.candidate
        heading = Text(f"CAUSE {place}  ", style="bold red").append(f"{one.cause.slug}", style="bold")
        console.print(heading.append(f"  {one.score:.0%}  {printable(one.sentence)}"), soft_wrap=True)
        shown_by = ", ".join(dict.fromkeys(f"{span.check} {span.evidence}" for span in one.spans))
        console.print(Text(f"  shown by {shown_by}", style="dim"), soft_wrap=True)
        follows = [printable(folded.sentence) for folded in root.folded] + [
            f"{seen.check} {seen.code} {printable(seen.target)}" for seen in root.explained
        ]
        for line in follows[:SHOWN_LINES]:
            console.print(Text(f"  explains: {line}", style="dim"), soft_wrap=True)
        console.print(Text(f"  what to do: docs/{one.cause.how_to}", style="dim"), soft_wrap=True)
    for changed in diagnosis.nearest_changes:
        console.print(Text(f"  changed: {printable(changed.sentence)}"), soft_wrap=True)
    for refuted in diagnosis.ranking.refuted:
        console.print(Text(f"  not {refuted.candidate.cause.slug}: {printable(refuted.reason)}", style="dim"))
    if diagnosis.deciding:
        console.print(Text(f"  {diagnosis.deciding.check} would decide: {printable(diagnosis.deciding.because)}"))


def _print_finding(result: Result, finding: Finding, console: Console) -> None:
    heading = Text(f"{finding.state.value.upper()}  ", style=STYLES[finding.state])
    heading.append(f"{result.check}  {finding.code}", style="bold")
    heading.append(f"  {printable(finding.target)}" if finding.target else "", style="default")
    console.print(heading, soft_wrap=True)
    console.print(Text(f"  {printable(finding.message)}"), soft_wrap=True)
    evidence = {one.key: one for one in result.evidence}
    for line in _cited(finding.citations, evidence):
        console.print(Text(f"  {printable(line)}", style="dim"), soft_wrap=True)
    console.print(Text(f"  what this means: docs/{check(result.check).runbook_uri}", style="dim"), soft_wrap=True)


def _cited(citations: Iterable[Citation], evidence: Mapping[str, Evidence]) -> Iterator[str]:
    for citation in citations:
        if (one := evidence.get(citation.evidence)) is None:
            continue
        yield f"evidence {one.key}, {one.kind} of {one.source}"
        lines = one.content.split("\n")[citation.first_line - 1 : citation.last_line]
        for offset, line in enumerate(lines[:SHOWN_LINES]):
            yield f"  {one.first_line + citation.first_line - 1 + offset:>5} | {line[:500]}"
        if len(lines) > SHOWN_LINES:
            yield f"        ... {len(lines) - SHOWN_LINES} more lines"


def printable(text: str) -> str:
    """Show control characters, and those that turn the writing direction, as escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
