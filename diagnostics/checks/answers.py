"""Put HTTP answers into evidence: status, the headers that help, and the body, bounded; cookies and tokens stay out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from diagnostics.probes.http import Answer

SHOWN_HEADERS = (
    "content-type",
    "content-length",
    "server",
    "date",
    "via",
    "location",
    "retry-after",
    "www-authenticate",
)
MAX_HEADER = 300
MAX_BODY = 20_000


def answer_lines(answer: Answer, *, shows_body: bool = True) -> list[str]:
    """Give the lines of an answer; a body that may hold a token is left out with `shows_body=False`."""
    lines = [f"HTTP {answer.status} in {answer.phases.get('total', 0):g} ms"]
    lines += [f"{name}: {answer.headers[name][:MAX_HEADER]}" for name in SHOWN_HEADERS if name in answer.headers]
    if not shows_body:
        return [*lines, "", f"[body of {len(answer.body)} bytes not kept: it may hold a token]"]
    text = answer.body.decode(errors="replace")
    cut = [f"[... cut at {MAX_BODY} characters ...]"] if len(text) > MAX_BODY or answer.truncated else []
    return [*lines, "", *text[:MAX_BODY].splitlines(), *cut]


def phase_lines(phases: Mapping[str, float]) -> Iterator[str]:
    """Give a line per phase, as `curl -w` does."""
    return (f"{name:<8} {milliseconds:>10.2f} ms" for name, milliseconds in phases.items())
