"""Find known lines in a text, fast: one search through the whole text finds candidates, a `re2.Set` says what they are.

The set alone would do, but it reports "nothing" when its automaton runs out of memory, and asking it line by line costs
a call a line. The union of the same patterns is searched in the whole text at once and never gives up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from diagnostics.signatures.catalog import Signature, all_signatures
from diagnostics.signatures.patterns import compile_pattern, compile_set, compile_union

MAX_LINE_BYTES = 8192  # of a longer line only this beginning is looked at


class Matcher:
    """Finds the lines of a text that signatures know."""

    def __init__(self, signatures: Iterable[Signature]) -> None:
        known = tuple(signatures)
        self._ids = tuple(one.id for one in known)
        self._patterns = tuple(one.pattern for one in known)
        self._union = compile_union(self._patterns)
        self._set = compile_set(self._patterns)

    def hits(self, text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Give each line that is known: its number, 1-based, and the ids of its signatures in their catalogue's order.

        Lines are separated by line feeds.
        """
        data = _bounded(text.encode("utf-8", "replace"))
        line, counted = 1, 0
        for begin, ids in self._known(data):
            line, counted = line + data.count(b"\n", counted, begin), begin
            yield line, ids

    def _known(self, data: bytes) -> Iterator[tuple[int, tuple[str, ...]]]:
        position = 0
        while (begin := self._candidate(data, position)) is not None:
            position = _line_end(data, begin) + 1
            yield begin, self.ids_in(data[begin : position - 1])
            # Known lines come in runs, so the set is asked at once; what it does not know is searched after all.
            while found := self._set.Match(data[position : _line_end(data, position)]):
                yield position, self._named(found)
                position = _line_end(data, position) + 1

    def _candidate(self, data: bytes, position: int) -> int | None:
        """Give the beginning of the next line that some pattern is in, from a line's beginning on."""
        match = self._union.search(data, position) if position <= len(data) else None
        return data.rfind(b"\n", 0, match.start()) + 1 if match else None

    def ids_in(self, line: bytes) -> tuple[str, ...]:
        """Give the ids of the signatures that know one line."""
        head = line[:MAX_LINE_BYTES]
        found = self._set.Match(head) or self._one_by_one(head)
        return self._named(found)

    def _named(self, found: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._ids[index] for index in sorted(found))

    def _one_by_one(self, line: bytes) -> list[int]:
        """Ask every pattern by itself, as the set says "none" also when its memory ran out."""
        return [index for index, one in enumerate(self._patterns) if compile_pattern(one).search(line) is not None]


@cache
def known_lines() -> Matcher:
    """Give the matcher of the whole catalogue, made once a process."""
    return Matcher(all_signatures().values())


def _line_end(data: bytes, position: int) -> int:
    end = data.find(b"\n", position)
    return len(data) if end < 0 else end


def _bounded(data: bytes) -> bytes:
    lines = data.split(b"\n")
    if max(map(len, lines)) <= MAX_LINE_BYTES:
        return data
    return b"\n".join(line[:MAX_LINE_BYTES] for line in lines)
