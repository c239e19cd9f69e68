"""Evidence at the desk: a text with numbered lines that opens at the cited ones, and the same as a download."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from awe_incidents.accounts.models import User
from awe_incidents.incidents.queries import visible_evidence
from awe_incidents.triage.access import EVERYBODY
from awe_incidents.triage.base import DeskAdmin, display
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.headers import text_attachment
from awe_incidents.triage.texts import Span, lines_of, parse_span
from diagnostics.models import Evidence, EvidenceText
from diagnostics.queries import evidence_text

PAGE_LINES = 2_000


class EvidenceAdmin(DeskAdmin):
    """What checks saw, redacted at capture."""

    seen_by = EVERYBODY
    template = "triage/evidence.html"
    list_display = ("number", "kind", "source_line", "check_slug", "run", "lines", "size")
    list_filter = ("kind",)

    def get_list_filter(self, request: HttpRequest) -> tuple[str, ...]:
        """Offer none: finding all kinds would read the whole table."""
        return ()

    def visible(self, user: User) -> QuerySet[Evidence]:
        """Give the evidence of visible runs, never with its text."""
        rows = visible_evidence(user).select_related("text", "result__run__stack")
        return rows.defer(
            "text__compressed",
            "result__findings",
            "result__run__document",
            "result__run__stack__document",
            "result__run__stack__redaction_key",
        )

    @display(description="Source")
    def source_line(self, row: Evidence) -> str:
        """Show where it comes from."""
        return row.source[:80]

    @display(description="Check")
    def check_slug(self, row: Evidence) -> str:
        """Show who saw it."""
        return row.result.slug

    @display(description="Run")
    def run(self, row: Evidence) -> str:
        """Show in which run."""
        return str(row.result.run_id)

    @display(description="Lines")
    def lines(self, row: Evidence) -> int:
        """Show how many lines it has."""
        return row.text.line_count

    @display(description="Bytes")
    def size(self, row: Evidence) -> str:
        """Show how large it is."""
        return f"{row.text.size_bytes:,}"

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give the download."""
        return [("text", self.download)]

    def download(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give the whole text as an attachment."""
        evidence = self.found(request, object_id)
        return text_attachment(evidence_text(evidence.text_id), name=f"evidence-{evidence.pk}.txt")

    def context(self, thing: Evidence, request: HttpRequest) -> Mapping[str, Any]:
        """Show a window of the text: around the cited lines, from a wanted line on, or from the start.

        Raises: BadRequest, for a span that is none.
        """
        cited = _span(request, "lines")
        window = _window(cited or _span(request, "from") or Span(1, 1), line_count=thing.text.line_count)
        compressed = bytes(EvidenceText.objects.only("compressed").get(pk=thing.text_id).compressed)
        return {
            "facts": _facts(thing),
            "download_url": self.address_of(thing, "text"),
            "cited": cited,
            "lines": lines_of(compressed, window=window, cited=cited),
            "window": window,
            "before": max(1, window.first - PAGE_LINES) if window.first > 1 else None,
            "after": window.last + 1 if window.last < thing.text.line_count else None,
        }


def _span(request: HttpRequest, name: str) -> Span | None:
    text = request.GET.get(name)
    if text is None:
        return None
    span = parse_span(text)
    if span is None:
        raise BadRequest(f"{name} takes a line or a span of lines, for example {name}=12-20")
    return span


def _window(span: Span, *, line_count: int) -> Span:
    """Give the page of lines that the span starts in."""
    first = (min(span.first, line_count) - 1) // PAGE_LINES * PAGE_LINES + 1
    return Span(first, min(line_count, max(first + PAGE_LINES - 1, min(span.last, first + 2 * PAGE_LINES - 1))))


def _facts(evidence: Evidence) -> list[Fact]:
    removed = sum(evidence.redactions.values())
    result = evidence.result
    return [
        Fact("Kind", evidence.kind),
        Fact("Source", evidence.source),
        Fact("Check", result.slug, address(result)),
        Fact("Run", str(result.run), address(result.run)),
        Fact("Stack", result.run.stack.name),
        Fact("Captured from", evidence.captured_from),
        Fact("Captured until", evidence.captured_until),
        Fact("First line in the source", evidence.first_line),
        Fact("Size", f"{evidence.text.size_bytes:,} bytes in {evidence.text.line_count:,} lines"),
        Fact("Cut out of the middle", f"{evidence.dropped_bytes:,} bytes" if evidence.dropped_bytes else ""),
        Fact(
            "Secrets removed", ", ".join(f"{rule}: {n}" for rule, n in evidence.redactions.items()) if removed else "0"
        ),
        Fact("Redaction rules", evidence.rule_set_version),
        Fact("SHA-256", evidence.text_id),
    ]
