"""An inclusion proof as the path that it proves: from a leaf up to the root, step by step, for people (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from awe_incidents.audit.errors import ProofRefused
from awe_incidents.audit.merkle import node_hash, split_at


@dataclass(frozen=True, slots=True)
class Node:
    """The hash over the entries `first` to `last`, both included."""

    hash: bytes
    first: int
    last: int

    @property
    def number(self) -> int:
        """Give how many entries are below it."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Step:
    """Two nodes beside each other and the one that they make; the proof brings `sibling`, the rest is computed."""

    own: Node
    sibling: Node
    is_left: bool  # the sibling lies left of the own one
    made: Node


def path_of(*, index: int, size: int, leaf: bytes, hashes: Sequence[bytes]) -> list[Step]:
    """Give the steps of a proof from the leaf up; the last one makes the root. A tree of one leaf has none.

    Raises: ProofRefused, where the proof has another length than such a tree.
    """
    spans = _spans_beside(index, size)
    if len(spans) != len(hashes):
        raise ProofRefused(f"the proof of a tree of {size} leaves has {len(spans)} hashes here, not {len(hashes)}")
    steps, own = [], Node(leaf, index, index)
    for (first, last), sibling in zip(spans, hashes, strict=True):
        other, is_left = Node(sibling, first, last), first < own.first
        pair = (other, own) if is_left else (own, other)
        made = Node(node_hash(pair[0].hash, pair[1].hash), pair[0].first, pair[1].last)
        steps.append(Step(own, other, is_left, made))
        own = made
    return steps


def _spans_beside(index: int, size: int) -> list[tuple[int, int]]:
    """Give the first and last leaf below each hash of a proof, from the leaf up."""
    if not 0 <= index < size:
        raise ProofRefused(f"a tree of {size} leaves has no leaf {index}")
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + split_at(end - start)
        if index < middle:
            spans.append((middle, end - 1))
            end = middle
        else:
            spans.append((start, middle - 1))
            start = middle
    return spans[::-1]
