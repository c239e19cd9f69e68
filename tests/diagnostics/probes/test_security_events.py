from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.security_events import BLOCK_BYTES, MAX_LINE_BYTES, Event, Kind, event_of, lines_from_the_end

AT = 1_764_100_000.0
STAMP = "2025-11-25T19:46:40Z"


@pytest.mark.parametrize(
    ("fields", "kind", "user", "address"),
    [
        ({"event": "login_failed", "reason": "bad_password", "username": "x", "client": "::1"}, "failure", "x", "::1"),
        ({"event": "login_failed", "reason": "account_locked", "username": "x"}, "failure", "x", ""),
        ({"event": "account_locked", "username": "x", "failed_attempts": 5}, "lockout", "x", ""),
        ({"event": "login_ok", "username": "x", "client": "10.0.0.1"}, "success", "x", "10.0.0.1"),
        ({"event": "token_rejected", "reason": "ExpiredSignatureError", "alg": "HS256"}, "failure", "", ""),
        ({"event": "token_rejected", "reason": "x", "alg": "none"}, "alg_none", "", ""),
        ({"event": "token_rejected", "reason": "x", "alg": "nOnE"}, "alg_none", "", ""),
        ({"msg": "rejected an unsigned token", "ip": "10.0.0.1"}, "alg_none", "", "10.0.0.1"),
        ({"event": "token_rejected", "reason": "InvalidAlgorithmError: ..."}, "alg_refused", "", ""),
        ({"event": "archive", "algorithm": "none"}, "other", "", ""),
        ({"type": "LOGIN_ERROR", "userId": "u-7", "ipAddress": "10.0.0.1"}, "failure", "u-7", "10.0.0.1"),
        (
            {"event": {"action": "login", "outcome": "failure"}, "user": {"name": "b"}, "source": {"ip": "10.0.0.1"}},
            "failure",
            "b",
            "10.0.0.1",
        ),
        ({"action": "authenticate", "success": False, "user": "a"}, "failure", "a", ""),
        ({"action": "authenticate", "success": True, "user": "a"}, "other", "a", ""),
        ({"event": "file_deleted", "user": "a"}, "other", "a", ""),
        ({"event": 5, "user": ["a"], "client": None}, "other", "", ""),
    ],
)
def test_json_in_many_words(fields: dict[str, object], kind: str, user: str, address: str) -> None:
    for stamp in ({"ts": STAMP}, {"time": AT}, {"@timestamp": int(AT * 1000)}):
        assert event_of(json.dumps(fields | stamp).encode()) == Event(Kind(kind), AT, user, address)


@pytest.mark.parametrize(
    ("line", "kind", "user", "address"),
    [
        (
            "WARNING auth: auth login failed username=x client=10.0.0.1 reason=account_locked",
            "failure",
            "x",
            "10.0.0.1",
        ),
        ("ERROR auth: auth account locked username=x after 5 failed attempts", "lockout", "x", ""),
        ("WARNING auth: auth token rejected client=10.0.0.1 reason=ExpiredSignatureError", "failure", "", "10.0.0.1"),
        ("INFO auth: auth login ok username=x client=10.0.0.1", "success", "x", "10.0.0.1"),
        ("sshd[1]: Failed password for invalid user admin from 10.0.0.9 port 22 ssh2", "failure", "admin", "10.0.0.9"),
        ("sshd[1]: Accepted password for admin from 10.0.0.9 port 22", "other", "admin", "10.0.0.9"),
        ("WARN jwt: refused token with alg=none from 10.0.0.9", "alg_none", "", "10.0.0.9"),
    ],
)
def test_plain_text_in_many_words(line: str, kind: str, user: str, address: str) -> None:
    event = event_of(f"{STAMP} {line}".encode())
    assert event is not None
    assert (event.kind, event.at, event.user, event.address) == (Kind(kind), AT, user, address)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b'{"event": "login_fai',
        b"\x00\xff\xfe{{{",
        b"[1, 2]",
        b"{" * 8000,
        b"2025-11-25 INFO api: GET /health 200",
        b'{"a":' * 3000,
    ],
)
def test_what_is_torn_binary_or_about_something_else_is_no_event(line: bytes) -> None:
    assert event_of(line) is None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ('{"event": "login_failed", "username": "x"}', AT + 60),
        (f'{{"event": "login_failed", "username": "x", "ts": "{STAMP}"}}', AT),
        ("auth login failed username=x", AT + 60),
    ],
)
def test_an_engine_s_stamp_dates_a_line_that_bears_none(text: str, at: float) -> None:
    event = event_of(f"2025-11-25T19:47:40.000000000Z {text}".encode())
    assert event == Event(Kind.FAILURE, at, "x")


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} ERROR api: unhandled error on POST /auth/login: OperationalError: no route to host",
        f"{STAMP} ERROR django.request: Internal Server Error: /auth/login",
    ],
)
def test_a_failure_of_the_application_itself_is_no_refusal(line: str) -> None:
    assert event_of(line.encode()) is None


def test_a_line_without_a_time_is_an_event_without_one() -> None:
    assert event_of(b'{"event": "login_failed", "ts": "yesterday"}') == Event(Kind.FAILURE, None)


@given(st.binary(max_size=300))
def test_no_line_breaks_it(line: bytes) -> None:
    event_of(line)
    event_of(b"{" + line)
    event_of(b'{"event": "login_failed", "user": "' + line + b'"}')


@pytest.mark.parametrize(
    "line",
    [
        b"login " * 1300,
        b"alg " * 2000,
        b"token algorithm " * 500,
        b"for " * 2000,
        b"x=" * 4000,
        b"failed account " * 500,
    ],
)
def test_no_line_costs_much(line: bytes) -> None:
    began = time.process_time()
    for _ in range(20):
        event_of(line)
    assert time.process_time() - began < 2


def numbered(folder: Path, count: int, *, width: int = 0, end: str = "\n") -> Path:
    path = folder / "audit.log"
    path.write_text("".join(f"line {number}{'x' * width}\n" for number in range(count)).removesuffix("\n") + end)
    return path


@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_come_from_the_end_and_none_is_lost_at_the_border_of_blocks(end: str, tmp_path: Path) -> None:
    count = 3 * BLOCK_BYTES // 100
    lines = list(lines_from_the_end(numbered(tmp_path, count, width=90, end=end), max_bytes=10**9))
    texts = [line.rstrip(b"x") for line in lines if line]
    assert texts == [f"line {number}".encode() for number in reversed(range(count))]


def test_a_bound_leaves_the_beginning_out_and_no_half_line_in(tmp_path: Path) -> None:
    lines = list(lines_from_the_end(numbered(tmp_path, 1000), max_bytes=100))
    assert lines[1] == b"line 999"
    assert len(lines) < 14
    assert all(line.startswith(b"line ") for line in lines if line)


def test_an_endless_line_is_cut_and_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    with path.open("wb") as file:
        file.write(b"first\n{")
        file.write(b"y" * 5 * BLOCK_BYTES)
        file.write(b"\nlast\n")
    lines = list(lines_from_the_end(path, max_bytes=10**9))
    assert [line[:6] for line in lines] == [b"", b"last", b"{yyyyy", b"first"]
    assert len(lines[2]) == MAX_LINE_BYTES
    assert list(itertools.islice(lines_from_the_end(path, max_bytes=1000), 5)) == [b"", b"last"]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    for path, code in ((tmp_path, "not_regular"), (tmp_path / "none", "missing")):
        with pytest.raises(FileUnusable) as unusable:
            list(lines_from_the_end(path, max_bytes=10))
        assert unusable.value.code == code


def test_an_empty_file_has_no_line(tmp_path: Path) -> None:
    assert [line for line in lines_from_the_end(numbered(tmp_path, 0, end=""), max_bytes=10) if line] == []
