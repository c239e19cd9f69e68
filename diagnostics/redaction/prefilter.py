"""Which lines of a block may hold a secret: a few linear searches instead of every rule on every line.

The anchors are searched in bundles. One automaton for all of them would be fastest on uniform logs, but the number of
its states is a product: on varied text it would outgrow its memory and be rebuilt all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from diagnostics.redaction.known import KnownSecrets
from diagnostics.redaction.patterns import compile_once, compile_pattern, union
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.rules.anchors import NAMED
from diagnostics.redaction.rules.spanning import ANCHORS as BLOCK_ANCHORS
from diagnostics.redaction.views import CONTROL

# Lines with invisible characters are always candidates: those could stand inside a word that an anchor looks for.
_INVISIBLE = r"[\x01-\x08\x0e-\x1a\x7f]|\xc2\xad|\xe2\x80[\x8b-\x8f]|\xef\xbb\xbf"


class Prefilter:
    """Finds candidate lines; its automatons are shared by all redactors but for the one of the known secrets."""

    def __init__(self, groups: Sequence[Sequence[Rule]], known: KnownSecrets) -> None:
        self._patterns: list[Any] = [compile_pattern(union([NAMED, _INVISIBLE]), within_lines=True)]
        bundles = ([*BLOCK_ANCHORS, *_anchors(groups[:1])], *(_anchors([group]) for group in groups[1:]))
        for bundle in bundles:
            if wanted := [anchor for anchor in bundle if anchor != NAMED]:
                self._patterns.append(compile_pattern(union(wanted), within_lines=True))
        if known.anchor:
            self._patterns.append(compile_once(known.anchor, within_lines=True))

    def candidates(self, block: bytes) -> Iterator[tuple[int, int]]:
        """Give start and end (after the line end) of the lines that a rule may match, in order."""
        text = CONTROL.sub(b"", block) if b"\x1b" in block or b"\0" in block else block
        starts = sorted({start for pattern in self._patterns for start in _lines_hit(pattern, text)})
        if text is block:
            for start in starts:
                yield start, line_end(block, start)
            return
        place, counted = 0, 0
        for start in starts:
            for _ in range(text.count(b"\n", counted, start)):
                place = line_end(block, place)
            counted = start
            yield place, line_end(block, place)


def _anchors(groups: Sequence[Sequence[Rule]]) -> list[str]:
    return [anchor for group in groups for rule in group for anchor in rule.all_anchors()]


def _lines_hit(pattern: Any, text: bytes) -> Iterator[int]:
    position = 0
    while (match := pattern.search(text, position)) is not None:
        begin = match.start()
        yield text.rfind(b"\n", 0, begin) + 1
        position = line_end(text, begin)
        if position >= len(text):
            return


def line_end(text: bytes, start: int) -> int:
    """Give the place after the end of the line that a place is in."""
    end = text.find(b"\n", start)
    return len(text) if end < 0 else end + 1
