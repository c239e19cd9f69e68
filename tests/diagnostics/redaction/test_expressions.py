"""What is program code behind a secret's name, and what only looks like it."""

from __future__ import annotations

import time

import pytest

from diagnostics.redaction.expressions import MAX_EXPRESSION_BYTES, code_at, may_hold_code


@pytest.mark.parametrize(
    "code",
    [
        b"get_password()",
        b'os.environ["DB_PASSWORD"]',
        b"a.b(c)[0].d",
        b"hash_password(plain, rounds=12),",
        b"settings.PASSWORD",
        b"await",
    ],
)
def test_whole_calls_and_indexes_are_code(code: bytes) -> None:
    assert code_at(code, 0, in_code=True) == []


@pytest.mark.parametrize(
    "value", [b"hunter(2xyz", b"ab(c]", b"ab(c)d", b"ab(c!d)", b"aB3x(a)", b"plain", b"app.Secret9"]
)
def test_what_is_not_closed_or_not_made_of_names_is_no_code(value: bytes) -> None:
    assert code_at(value, 0, in_code=True) is None


def test_a_call_at_the_end_of_a_line_is_code_where_names_or_spaces_say_so() -> None:
    assert code_at(b"make_password(", 0, in_code=True) == []
    assert code_at(b"token = factory(", 8, in_code=True) == []
    assert code_at(b"hunter(", 0, in_code=True) is None


def test_literals_that_look_like_secrets_are_given() -> None:
    text = b'f("DB_PASSWORD", "S3cr3t99x", {"k3y99x": g(1)})'
    assert [text[slice(*span)] for span in code_at(text, 0, in_code=True) or []] == [b"S3cr3t99x"]


def test_a_constant_of_settings_is_code_everywhere_and_no_call_is() -> None:
    assert code_at(b"settings.DB_PASSWORD", 0, in_code=False) == []
    assert code_at(b"get_password()", 0, in_code=False) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"password=a(b)", True),
        (b"connect(user=x, password=a(b))", True),
        (b"DB_PASSWORD = a(b)", True),
        (b'"DB_PASSWORD": a(b)', True),
        (b"DB_PASSWORD=a(b)", False),
        (b"  DB_PASSWORD: a(b)", False),
        (b"u=1&password=a(b)", False),
        (b"password=a(b)&u=1", False),
        (b"user=x password=a(b)", False),
        (b"password=a(b) user=x", False),
    ],
)
def test_code_stands_where_code_can_stand(text: bytes, expected: bool) -> None:
    start = text.lower().index(b"password") - (3 if b"DB_" in text else 0)
    key = (start, text.lower().index(b"password") + 8)
    value = text.index(b"a(b)")
    separator = (value - len(text[key[1] : value].lstrip(b'"')), value)
    assert may_hold_code(text, key, separator, value + 4) is expected


def test_a_text_built_to_be_slow_is_not() -> None:
    begun = time.process_time()
    for text in (b"a(" * 9999, b"a" * 99999, b"sha2" * 9999 + b"(", b"a(" + b'"\\' * 9999, b"a.b" * 9999 + b"!"):
        code_at(text, 0, in_code=True)
    assert time.process_time() - begun < 1
    assert code_at(b"f(" + b"a," * MAX_EXPRESSION_BYTES + b")", 0, in_code=True) is None
