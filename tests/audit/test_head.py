"""The signer's head: grown from bytes, stored and taken up, and never signed where it shrinks or forks."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import merkle
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import FrontierBroken, HeadForks, HeadShrinks
from awe_incidents.audit.head import TreeHead

ENTRIES = [f"entry {number}".encode() for number in range(300)]


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_head_that_was_stored_in_between_is_the_same(first: int, second: int) -> None:
    low, high = sorted((first, second))
    head = TreeHead.load(TreeHead("log").grown(ENTRIES[:low]).dump()).grown(ENTRIES[low:high])
    assert head.checkpoint() == Checkpoint("log", high, merkle.root_of(ENTRIES[:high]))
    assert len(head.dump()) < 700


def test_growing_leaves_the_old_head_as_it_was() -> None:
    old = TreeHead("log").grown(ENTRIES[:5])
    old.grown(ENTRIES[5:])
    assert old.checkpoint().root == merkle.root_of(ENTRIES[:5])


def test_what_the_database_says_has_to_be_the_head() -> None:
    head = TreeHead("log").grown(ENTRIES[:5])
    head.check(size=5, root=merkle.root_of(ENTRIES[:5]))
    with pytest.raises(HeadShrinks):
        head.check(size=4, root=merkle.root_of(ENTRIES[:4]))
    with pytest.raises(HeadForks):
        head.check(size=6, root=merkle.root_of(ENTRIES[:6]))
    with pytest.raises(HeadForks):
        head.check(size=5, root=merkle.root_of([*ENTRIES[:4], b"another"]))


GOOD = TreeHead("log").grown(ENTRIES[:5]).dump()
LINES = GOOD.split(b"\n")[:-2]


def summed(*lines: bytes) -> bytes:
    content = b"".join(line + b"\n" for line in lines)
    return content + sha256(content).hexdigest().encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        GOOD[:-1],
        GOOD[:-2],
        GOOD + b"\n",
        GOOD.replace(b"v1", b"v2"),
        GOOD.replace(b"\n5\n", b"\n6\n"),
        GOOD.replace(b"\n5\n", b"\n7\n"),
        GOOD.replace(b"\n5\n", b"\n-5\n"),
        GOOD.replace(b"\nlog\n", b"\n\n"),
        summed(),
        summed(b"awe-tree-head/v2", *LINES[1:]),
        summed(LINES[0], b"", *LINES[2:]),
        summed(*LINES[:2], b"7", *LINES[3:]),
        summed(*LINES[:2], b"-5", *LINES[3:]),
        summed(*LINES[:-1]),
        summed(*LINES[:-1], b"AAAA"),
        summed(*LINES, b""),
        summed(b"\xff", *LINES[1:]),
    ],
)
def test_a_stored_head_that_was_broken_is_refused(data: bytes) -> None:
    with pytest.raises(FrontierBroken):
        TreeHead.load(data)
