from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.sql_text import normalized


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "SELECT *\n FROM users\n WHERE name = 'bob' -- the boss\n LIMIT 5",
            "SELECT * FROM users WHERE name = ? LIMIT ?",
        ),
        ("ALTER ROLE clerk PASSWORD 'se''cret'", "ALTER ROLE clerk PASSWORD ?"),
        (r"SELECT E'a\'b', U&'d', b'01', N'x', $$a 'b$$, $t$x$t$", "SELECT ?, ?, ?, ?, ?, ?"),
        ("SELECT t1.c2, $1, \"Quoted 'name' 1\"", "SELECT t1.c2, $1, \"Quoted 'name' 1\""),
        ("SELECT 1.5e3, .5, 0xFF, -1, 1_000", "SELECT ?, ?, ?, -?, ?"),
        ("DELETE FROM a2 WHERE id IN (1, 2,3)", "DELETE FROM a2 WHERE id IN (?, ...)"),
        ("INSERT INTO a VALUES ('cut off by the serv", "INSERT INTO a VALUES (?"),
        ("SELECT $body$cut off, too", "SELECT ?"),
        ("SELECT 1 /* cut off comment with 'secret'", "SELECT ?"),
        ("", ""),
    ],
)
def test_literals_and_comments_go_and_names_stay(text: str, expected: str) -> None:
    assert normalized(text) == expected


def test_a_long_text_is_cut() -> None:
    assert normalized("SELECT " + "a, " * 1000, at_most=20) == "SELECT a, a, a, a, a ..."[:20] + " ..."


@given(st.text(alphabet=st.characters(exclude_characters="'\\\0"), min_size=1), st.booleans())
def test_no_string_comes_through_closed_or_not(value: str, closed: bool) -> None:
    """What stands before the string has no quote, so all of it is the string's."""
    marked = f"hunter2{value}hunter2"
    assert "hunter2" not in normalized(f"SELECT x FROM y WHERE z = '{marked}" + ("'" if closed else ""))  # noqa: S608
