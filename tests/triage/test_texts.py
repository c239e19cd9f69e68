"""Lines out of compressed texts, and nothing invisible."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.triage.texts import MAX_LINE_CHARACTERS, Span, lines_of, parse_span, visible


@pytest.mark.parametrize(
    ("text", "span"),
    [("12", Span(12, 12)), ("12-20", Span(12, 20)), ("0", None), ("5-4", None), ("", None), ("1-", None), ("a", None)],
)
def test_a_span_is_a_line_or_two_ends(text: str, span: Span | None) -> None:
    assert parse_span(text) == span


@given(
    st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)), st.integers(1, 30), st.integers(0, 30)
)
def test_a_window_holds_exactly_its_lines(lines: list[str], first: int, more: int) -> None:
    content = "\n".join(lines)
    shown = lines_of(zlib.compress(content.encode()), window=Span(first, first + more), cited=None)

    assert [line.text for line in shown] == content.split("\n")[first - 1 : first + more]
    assert [line.number for line in shown] == list(range(first, first + len(shown)))


def test_exactly_the_cited_lines_are_marked() -> None:
    content = "\n".join(str(number) for number in range(1, 50))
    shown = lines_of(zlib.compress(content.encode()), window=Span(8, 22), cited=Span(12, 20))

    assert [line.number for line in shown if line.is_cited] == list(range(12, 21))


def test_a_line_without_end_is_cut_and_the_next_one_is_still_found() -> None:
    content = "a" * 1_000_000 + "\nnext"
    first, second = lines_of(zlib.compress(content.encode()), window=Span(1, 2), cited=None)

    assert first.text == "a" * MAX_LINE_CHARACTERS + " … (the line goes on)"
    assert second.text == "next"


def test_a_bomb_is_read_with_flat_memory() -> None:
    bomb = zlib.compress(b"x" * 50_000_000)
    tracemalloc.start()
    try:
        lines_of(bomb, window=Span(1, 10), cited=None)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 2_000_000


def test_broken_utf8_is_shown_as_such() -> None:
    assert lines_of(zlib.compress(b"a\xffb"), window=Span(1, 1), cited=None)[0].text == "a�b"


def test_control_and_direction_characters_are_named() -> None:
    assert visible("\x1b[31mred\u202egnp.exe\x00\t.") == "␛[31mred⟨U+202E⟩gnp.exe␀\t."


def test_letters_of_all_scripts_stay_as_they_are() -> None:
    assert visible("Grüße שלום 你好 🎉\nnext") == "Grüße שלום 你好 🎉\nnext"
