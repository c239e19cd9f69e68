"""The prefilter is only a shortcut: without it the output is the same."""

from __future__ import annotations

from diagnostics.redaction import KnownSecret, Redactor
from diagnostics.redaction.rules import RULES
from tests.diagnostics.redaction.cases import own_cases

REDACTOR = Redactor(b"k" * 32, [KnownSecret("db", "kn0wn-s3cret-value")])


def test_every_line_with_a_secret_is_a_candidate() -> None:
    texts = [case.text for case in own_cases()] + [text for rule in RULES for text, _ in rule.finds]
    missed = []
    for line in {line for text in texts for line in text.encode().split(b"\n")}:
        candidates = list(REDACTOR._prefilter.candidates(line))
        if REDACTOR._lines.hits(line) and not candidates:
            missed.append(line)
    assert missed == []


def test_ordinary_lines_are_no_candidates() -> None:
    """What keeps redaction fast: few lines of an ordinary log meet the rules."""
    from bench.redaction import log

    lines = b"".join(log(300_000)).split(b"\n")
    candidates = sum(1 for line in lines if list(REDACTOR._prefilter.candidates(line)))
    assert candidates < len(lines) * 0.02
