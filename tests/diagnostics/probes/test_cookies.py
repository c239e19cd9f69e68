from __future__ import annotations

import pytest

from diagnostics.probes.cookies import MAX_COOKIES, Cookie, cookies_as_json, cookies_from_json, set_cookies

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("line", "cookie"),
    [
        ("till=1", Cookie("till")),
        ("till=a=b; Path=/; secure; HTTPONLY", Cookie("till", secure=True, http_only=True)),
        ("till=1; SameSite=Strict", Cookie("till", same_site="strict")),
        ("till=1; Max-Age=90; Expires=Thu, 01 Jan 1970 00:00:00 GMT", Cookie("till", lifetime_seconds=90.0)),
        ("till=1; Max-Age=-5", Cookie("till", lifetime_seconds=0.0)),
        ("till=1; Max-Age=soon", Cookie("till")),
        ("till=1; Expires=Tue, 14 Nov 2023 22:14:20 GMT", Cookie("till", lifetime_seconds=60.0)),
        ("till=1; Expires=Tue, 14 Nov 2020 22:14:20 GMT", Cookie("till", lifetime_seconds=0.0)),
        ("till=1; Expires=whenever", Cookie("till")),
    ],
)
def test_a_cookie_is_its_name_and_attributes(line: str, cookie: Cookie) -> None:
    assert set_cookies(line, at=NOW) == [cookie]


def test_lines_that_are_no_cookies_are_left_out_and_others_bounded() -> None:
    assert set_cookies("", at=NOW) == []
    assert set_cookies("nonsense\na=1", at=NOW) == [Cookie("a")]
    assert len(set_cookies("\n".join(["a=1"] * 1000), at=NOW)) == MAX_COOKIES
    (one,) = set_cookies("x" * 10_000 + "=1; Max-Age=" + "9" * 10_000, at=NOW)
    assert len(one.name) == 200


def test_they_survive_being_handed_over() -> None:
    cookies = [Cookie("a", secure=True, lifetime_seconds=1.5), Cookie("b", http_only=True, same_site="none")]
    assert cookies_from_json(cookies_as_json(cookies)) == cookies


def test_a_line_for_evidence_says_what_is_set() -> None:
    assert str(Cookie("a", secure=True, same_site="lax")) == "a: Secure, SameSite=lax; ends with the session"
    assert str(Cookie("a", lifetime_seconds=60)) == "a: no flags; lives 60 s"
