"""One line at work: every rule that can match it, in every reading of it, until nothing is left to take out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from diagnostics.redaction.finder import RuleFinder
from diagnostics.redaction.known import KnownSecrets
from diagnostics.redaction.patterns import compile_pattern, union
from diagnostics.redaction.rule import Rule
from diagnostics.redaction.tokens import TokenMint
from diagnostics.redaction.views import MASK, View, views_of

KNOWN_RULE_ID = "known-secret"
MAX_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Hit:
    """A span to take out; `secret` is what the token is made of (a known secret's value, else the bytes themselves)."""

    start: int
    end: int
    rule_id: str
    secret: bytes | None = None


class LineRedactor:
    """Takes secrets out of single lines; holds the compiled rules."""

    def __init__(self, *, groups: Sequence[Sequence[Rule]], known: KnownSecrets, mint: TokenMint) -> None:
        self._groups = [_Group(group) for group in groups if group]
        self._known = known
        self._mint = mint

    def redact(self, line: bytes, counts: Counter[str], also: Iterable[Hit] = ()) -> bytes:
        """Replace what the rules find (and `also`), again until the result is stable, so that a second pass is idle."""
        hits = [*also, *self.hits(line)]
        for _ in range(MAX_ROUNDS):
            if not hits:
                return line
            line = self.replace(line, hits, counts)
            hits = self.hits(line)
        return line

    def hits(self, line: bytes) -> list[Hit]:
        """Give every span that a rule or a known secret finds in any reading."""
        return [hit for view in views_of(line) for hit in self._in_view(view)]

    def replace(self, line: bytes, hits: Iterable[Hit], counts: Counter[str]) -> bytes:
        """Put a token in the place of every hit; overlapping hits become one."""
        pieces: list[bytes] = []
        position = 0
        for hit in _merged(_whole_characters(line, hit) for hit in hits):
            secret = hit.secret if hit.secret is not None else line[hit.start : hit.end]
            pieces += (line[position : hit.start], self._mint.token(rule_id=hit.rule_id, secret=secret))
            counts[hit.rule_id] += 1
            position = hit.end
        pieces.append(line[position:])
        return b"".join(pieces)

    def _in_view(self, view: View) -> Iterable[Hit]:
        text = view.text
        for start, end, value in self._known.find(text):
            yield Hit(*view.place(start, end), KNOWN_RULE_ID, value)
        lowered = text.lower()
        for group in self._groups:
            for finder in group.candidates(text, lowered):
                for start, end in finder.find(text):
                    if text[start:end].strip(MASK):
                        yield Hit(*view.place(start, end), finder.rule.id)


class _Group:
    """Rules behind one common search."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._guard = compile_pattern(union(anchor for rule in rules for anchor in rule.all_anchors()))
        self._finders = [(RuleFinder(rule), [word.encode("utf-8") for word in rule.keywords]) for rule in rules]

    def candidates(self, text: bytes, lowered: bytes) -> Iterator[RuleFinder]:
        """Give the rules whose keywords stand in the text."""
        if self._guard.search(text) is None:
            return
        for finder, words in self._finders:
            if any(map(lowered.__contains__, words)):  # there are hundreds of words; a generator would cost more
                yield finder


def _merged(hits: Iterable[Hit]) -> list[Hit]:
    """Join overlapping hits; the longest gives the name, and of equal ones a known secret, then the first rule."""
    merged: list[Hit] = []
    ordered = sorted(hits, key=lambda hit: (hit.start, -hit.end, hit.secret is None))
    for hit in ordered:
        if not merged or hit.start >= merged[-1].end:
            merged.append(hit)
        elif hit.end > merged[-1].end:
            merged[-1] = Hit(merged[-1].start, hit.end, merged[-1].rule_id)
    return merged


def _whole_characters(line: bytes, hit: Hit) -> Hit:
    """Widen a hit so that it begins and ends between UTF-8 characters."""
    start, end = hit.start, hit.end
    while 0 < start < len(line) and line[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(line) and line[end] & 0xC0 == 0x80:
        end += 1
    return hit if (start, end) == (hit.start, hit.end) else Hit(start, end, hit.rule_id, hit.secret)
