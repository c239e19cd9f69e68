"""The redactor as its callers see it: tokens, receipts, failing closed."""

from __future__ import annotations

import json
import re
import traceback

import pytest

from diagnostics.redaction import Receipt, RedactionFailed, Redactor
from diagnostics.redaction.line import LineRedactor

KEY = bytes(range(32))
SECRET = "hunter22!"


def test_a_token_has_the_rules_name_and_eight_hex_digits() -> None:
    redacted = Redactor(KEY).text(f"password={SECRET}").text
    assert re.fullmatch(r"password=\[REDACTED:password:[0-9a-f]{8}\]", redacted)


def test_equal_secrets_have_equal_tokens_under_one_key_only() -> None:
    def digits(key: bytes) -> list[str]:
        text = Redactor(key).text(f"password={SECRET}\npostgresql://u:{SECRET}@db/x\npassword=other99").text
        return re.findall(r":([0-9a-f]{8})\]", text)

    one, two, other = digits(KEY)
    assert one == two
    assert other != one
    assert digits(KEY[::-1])[0] != one


def test_a_receipt_counts_by_rule_and_holds_no_value() -> None:
    redacted = Redactor(KEY).text(f"password={SECRET} token=abcdef99\nAuthorization: Bearer {SECRET}")
    assert redacted.receipt.counts == {"authorization": 1, "password": 1, "secret": 1}
    assert redacted.receipt.dropped_bytes == 0
    assert SECRET not in redacted.receipt.as_json()
    assert json.loads(redacted.receipt.as_json())["counts"]["password"] == 1


def test_a_receipt_is_one_canonical_line() -> None:
    receipt = Receipt("1.x", {"b": 1, "a": 2}, 3)
    assert receipt.as_json() == '{"counts":{"a":2,"b":1},"dropped_bytes":3,"rule_set_version":"1.x"}'


def test_a_failure_gives_no_text_and_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: LineRedactor, line: bytes, *rest: object) -> bytes:
        raise UnicodeError(line.decode())

    monkeypatch.setattr(LineRedactor, "redact", fails)
    with pytest.raises(RedactionFailed) as caught:
        Redactor(KEY).text(f"password={SECRET}")
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    assert "UnicodeError" in str(caught.value)


def test_a_broken_stream_stays_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Redactor(KEY).stream()
    with monkeypatch.context() as patched:
        patched.setattr(LineRedactor, "redact", lambda *_: 1 / 0)
        with pytest.raises(RedactionFailed, match="ZeroDivisionError"):
            stream.feed(f"password={SECRET}\n".encode())
    with pytest.raises(RedactionFailed, match="earlier"):
        stream.feed(b"more\n")
    with pytest.raises(RedactionFailed):
        stream.finish()


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16"):
        Redactor(b"short")


def test_lone_surrogates_and_every_character_survive() -> None:
    text = "a\udc80b \u2028 \x85 \x0b" + "".join(map(chr, range(1, 0x180))) + " \U0001f600"
    assert Redactor(KEY).text(text).text == text
