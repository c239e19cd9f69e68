"""Log bytes made plain while they come: the same text wherever the pieces are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.log_cleaner import Cleaner
from diagnostics.probes.logs import cleaned

TEXTS = ["plain", "\x1b[31m", "\x1b[0m", "\r\n", "\r", "\n", "ünï", "\x1b]0;title\x07", "\0", "\t", "\x1b", "€", "\x85"]
PARTS = [text.encode() for text in TEXTS]


def pieces_of(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, place = [], 0
    for size in sizes:
        pieces.append(data[place : place + size])
        place += size
    return [*pieces, data[place:]]


@given(
    data=st.lists(st.sampled_from(PARTS) | st.binary(max_size=4), max_size=30).map(b"".join),
    sizes=st.lists(st.integers(1, 7), max_size=60),
)
def test_where_it_was_cut_changes_nothing(data: bytes, sizes: list[int]) -> None:
    cleaner = Cleaner()
    done = b"".join(cleaner.feed(piece) for piece in pieces_of(data, sizes)) + cleaner.feed(b"", last=True)
    assert done == Cleaner().feed(data, last=True)


def test_it_cleans_as_what_is_captured_is_cleaned() -> None:
    data = b"\x1b[1;31mred\x1b[0m \x00bytes \xff\xfe and \x1b]0;title\x07end\r\nnext\rline\n"
    assert Cleaner().feed(data, last=True).decode() == cleaned(data) + "\n"


def test_a_line_that_ends_is_not_carried() -> None:
    assert Cleaner().feed(b"colored\x1b[0m\nnext") == b"colored\nnext"
    assert Cleaner().feed(b"x\x1b" + b"[" * 5000) != b""  # what never ends is no sequence
