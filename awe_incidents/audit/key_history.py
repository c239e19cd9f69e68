"""Which keys of the log are in force up to which entry: what its signer publishes in `log/vkeys`, line by line.

    <vkey> 0-699
    <vkey> 700-

A checkpoint is signed by the keys of its last entry: of size 700 by the first ones, of size 701 by the second ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from awe_incidents.audit.errors import FrontierBroken, RotationRefused
from awe_incidents.audit.rotation import KeyPair, Rotation, rotation_of


@dataclass(frozen=True, slots=True)
class KeySpan:
    """A pair of keys, and the index of the first entry from which on it is in force."""

    first: int
    vkeys: KeyPair


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """All keys of one log, in the order in which they came into force."""

    spans: tuple[KeySpan, ...]

    @classmethod
    def begun(cls, vkeys: KeyPair) -> Self:
        """Give the history of a log whose keys were never changed."""
        return cls((KeySpan(0, vkeys),))

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `lines` gave, also without indexes, as older signers wrote it; raises FrontierBroken."""
        spans: list[KeySpan] = []
        words = [line.split(" ") for line in text.splitlines()]
        for plain, timed in zip(words[::2], words[1::2], strict=False):
            first = plain[1].partition("-")[0] if len(plain) > 1 else "0"
            if not first.isdecimal() or plain[1:] != timed[1:]:
                raise FrontierBroken("the published keys cannot be read; restore log/vkeys from a backup")
            spans.append(KeySpan(int(first), (plain[0], timed[0])))
        if len(words) != 2 * len(spans) or not spans:
            raise FrontierBroken("the published keys are not whole; restore log/vkeys from a backup")
        return cls(tuple(spans))

    @property
    def newest(self) -> KeyPair:
        """Give the keys that came into force last."""
        return self.spans[-1].vkeys

    @property
    def known_size(self) -> int:
        """Give how many entries the log has at least, by what its keys tell."""
        return self.spans[-1].first + 1 if len(self.spans) > 1 else 0

    def in_force(self, size: int) -> KeyPair:
        """Give the keys that sign checkpoints of a size."""
        return next(span.vkeys for span in reversed(self.spans) if span.first < max(size, 1))

    def rotated(self, rotation: Rotation, *, index: int) -> KeyHistory:
        """Give the history after an entry that tells of new keys; raises RotationRefused."""
        if any((span.first, span.vkeys) == (index, rotation.new) for span in self.spans[1:]):
            return self  # read again
        known = {vkey for span in self.spans for vkey in span.vkeys}
        if rotation.old != self.newest or known & set(rotation.new) or index < self.spans[-1].first:
            raise RotationRefused(f"entry {index} tells of a new key, and not of one that follows the log's own")
        return KeyHistory((*self.spans, KeySpan(index, rotation.new)))

    def lines(self) -> list[str]:
        """Give a line for each key."""
        ranges = key_ranges(span.first for span in self.spans)
        return [f"{vkey} {words}" for span, words in zip(self.spans, ranges, strict=True) for vkey in span.vkeys]


class RotationWatch:
    """Follows the keys of a log while its entries pass."""

    def __init__(self, history: KeyHistory) -> None:
        self.history = history

    def passing(self, first: int, bodies: Iterable[bytes]) -> Iterator[bytes]:
        """Yield entries from an index on, and follow those that tell of new keys; raises RotationRefused."""
        for index, body in enumerate(bodies, first):
            if (rotation := rotation_of(body)) is not None:
                self.history = self.history.rotated(rotation, index=index)
            yield body


def key_ranges(firsts: Iterable[int]) -> list[str]:
    """Give the ranges of entries that begin at these indexes, each up to the next one: `0-699`, `700-`."""
    starts = list(firsts)
    return [*(f"{first}-{following - 1}" for first, following in pairwise(starts)), *(f"{one}-" for one in starts[-1:])]
