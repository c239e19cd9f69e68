"""Streams: pieces of any size, overlong lines, blocks over piece borders."""

from __future__ import annotations

import json

import pytest

from diagnostics.redaction import Redactor
from diagnostics.redaction.stream import MAX_LINE_BYTES, PIECE_BYTES

KEY = b"k" * 32
BODY = [
    "MIIEowIBAAKCAQEAvFJx1nBq3mYtq3nJ8m2Vt0s2cE8mWvJYtVb1q5bq7X8Zp0Qk",
    "rT2mWl9Q1aVtq3nJ8m2Vt0s2cE8mWvJYtVb1q5bq7X8Zp0QkrT2mWl9Q1aVtq3nJ",
    "8m2Vt0s2cE8mWvJYtVb1q5bq7Q==",
]


def run(data: bytes, *, size: int = 1 << 30) -> bytes:
    stream = Redactor(KEY).stream()
    pieces = [stream.feed(data[start : start + size]) for start in range(0, len(data), size)]
    return b"".join(pieces) + stream.finish()


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
def test_a_key_whose_begin_was_cut_off_is_found_over_piece_borders(size: int) -> None:
    data = "\n".join(["ready", *BODY[1:], "-----END RSA PRIVATE KEY-----", "next"]).encode()
    out = run(data, size=size)
    assert out == run(data)
    assert not any(line.encode() in out for line in BODY)
    assert out.startswith(b"ready\n")
    assert out.endswith(b"\nnext")


def test_lines_are_given_as_soon_as_they_are_whole() -> None:
    stream = Redactor(KEY).stream()
    assert stream.feed(b"one\ntwo") == b"one\n"
    assert stream.feed(b" more\n") == b"two more\n"
    assert stream.finish() == b""


def test_lines_that_may_be_a_keys_body_wait_for_the_line_after() -> None:
    stream = Redactor(KEY).stream()
    line = (BODY[1] + "\n").encode()
    assert stream.feed(line) == b""
    assert stream.feed(b"an ordinary line\n") == line + b"an ordinary line\n"


@pytest.mark.parametrize("size", [1000, 65_536, 1 << 30])
def test_an_overlong_line_is_cut_with_a_mark(size: int) -> None:
    secret = b"password=hunter22x"
    head = b"a" * 1000 + b" " + secret + b" "
    data = b"first\n" + head + b"b" * (3 * MAX_LINE_BYTES) + b" " + secret + b"\nlast " + secret + b"\n"
    out = run(data, size=size)
    lines = out.split(b"\n")
    assert len(lines) == 4
    assert b"hunter22x" not in out
    assert lines[1].startswith(b"a" * 1000 + b" password=[REDACTED:password:")
    assert lines[1].endswith(b" bytes of an overlong line]")
    assert lines[2].startswith(b"last password=[REDACTED")
    assert len(lines[1]) < MAX_LINE_BYTES


@pytest.mark.parametrize("offset", range(-40, 41, 5))
@pytest.mark.parametrize("border", [MAX_LINE_BYTES, MAX_LINE_BYTES - 4096, PIECE_BYTES])
def test_no_secret_leaks_at_the_border_of_a_cut(border: int, offset: int) -> None:
    secret = b"hunter22-" + b"q7" * 20
    before = border + offset
    data = b"x" * (before - 10) + b" password=" + secret + b" " + b"y" * MAX_LINE_BYTES + b"\n"
    out = run(data, size=PIECE_BYTES)
    assert b"hunter22" not in out
    assert b"q7q7" not in out


def test_dropped_bytes_are_on_the_receipt() -> None:
    stream = Redactor(KEY).stream()
    out = stream.feed(b"z" * (2 * MAX_LINE_BYTES)) + stream.finish()
    assert stream.receipt.dropped_bytes + out.index(b"[DROPPED") == 2 * MAX_LINE_BYTES


def test_a_line_just_within_the_limit_stays_whole() -> None:
    data = b"z " * (MAX_LINE_BYTES // 2)
    assert run(data + b"\n") == data + b"\n"


def test_a_text_built_to_be_slow_is_taken_out_in_bounded_time() -> None:
    out = run(b"token=" * 20_000 + b"\n")
    assert len(out.split(b"\n")) == 2


def test_a_secret_of_many_kilobytes_goes_whole() -> None:
    blob = "Zf3D" * 20_000
    out = run(json.dumps({"token": blob, "id": 7}).encode())
    assert b"Zf3DZf3D" not in out
    assert b'"id": 7' in out


def test_a_certificate_after_a_cut_off_key_stays() -> None:
    certificate = "-----BEGIN CERTIFICATE-----\n" + "MIIDxTCCAq2gAwIBAgIUWzjP9yEI4xyQJpsTuTDEN2WdNiAw\n" * 3
    text = f"-----BEGIN PRIVATE KEY-----\n{BODY[0]}\n{certificate}-----END CERTIFICATE-----\n"
    out = run(text.encode()).decode()
    assert BODY[0] not in out
    assert certificate in out
