"""Checkpoints: the texts that others published, and every other text refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit.checkpoint import MAX_SIZE, Checkpoint
from awe_incidents.audit.errors import CheckpointMalformed
from awe_incidents.audit.note import Note
from tests.audit import published

ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
SOFA = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n".encode()  # the example of tlog-checkpoint
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "origin", "size"),
    [
        (SOFA, "example.com/behind-the-sofa", 20_852_163),
        (Note.parse(published.SUMDB_NOTE).text, "go.sum database tree", 65_209_736),
        (Note.parse(published.ARCHE_NOTE).text, "arche2025h1.staging.ct.transparency.dev", 1_432_088_532),
        (SOFA + b"Timestamp: 1679315147\nmore\n", "example.com/behind-the-sofa", 20_852_163),
    ],
)
def test_published_checkpoints_are_read_and_come_out_the_same(text: bytes, origin: str, size: int) -> None:
    one = Checkpoint.parse(text)
    assert (one.origin, one.size, bytes(one)) == (origin, size, text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        SOFA[:-1],
        SOFA + b"\n",
        SOFA + b"a\n\nb\n",
        b"\n" + SOFA,
        SOFA.replace(b"example.com/behind-the-sofa", b""),
        SOFA.replace(b"20852163", b""),
        SOFA.replace(b"20852163", b"020852163"),
        SOFA.replace(b"20852163", b"+20852163"),
        SOFA.replace(b"20852163", b"-1"),
        SOFA.replace(b"20852163", b"2e7"),
        SOFA.replace(b"20852163", b" 20852163"),
        SOFA.replace(b"20852163", "\u0661".encode()),
        SOFA.replace(b"20852163", str(MAX_SIZE + 1).encode()),
        SOFA.replace(b"20852163", b"9" * 5_000),
        SOFA.replace(b"q2I=", b"q2J="),
        SOFA.replace(b"q2I=", b"q2I"),
        SOFA.replace(ROOT.encode(), b"AAAA"),
        SOFA.replace(ROOT.encode(), b""),
        SOFA.replace(b"sofa", b"so\rfa"),
        b"\xff" + SOFA,
        b"\n".join(SOFA.split(b"\n")[:2]) + b"\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: bytes) -> None:
    with pytest.raises(CheckpointMalformed):
        Checkpoint.parse(text)


@given(LINES, st.integers(0, MAX_SIZE), st.binary(min_size=32, max_size=32), st.lists(LINES, max_size=3))
def test_what_is_written_is_read_again(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    one = Checkpoint(origin, size, root, tuple(extensions))
    assert Checkpoint.parse(bytes(one)) == one


@given(st.binary(max_size=120) | st.text(max_size=120).map(str.encode))
def test_any_bytes_are_refused_or_come_out_the_same(data: bytes) -> None:
    try:
        one = Checkpoint.parse(data)
    except CheckpointMalformed:
        return
    assert bytes(one) == data


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 0, bytes(32), ()),
        ("a\nb", 0, bytes(32), ()),
        ("a", -1, bytes(32), ()),
        ("a", 0, bytes(31), ()),
        ("a", 0, bytes(32), ("",)),
    ],
)
def test_what_no_checkpoint_can_hold_is_refused(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    with pytest.raises(CheckpointMalformed):
        Checkpoint(origin, size, root, extensions)
