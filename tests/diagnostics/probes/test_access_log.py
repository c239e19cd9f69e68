"""Access logs as programs write them: what is read of each form, and that nothing else is taken for a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.access_log import request_in

CADDY = (
    '{"level":"info","ts":1790000000.12,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":'
    '"10.0.0.7","method":"GET","host":"shop","uri":"/orders?id=7"},"bytes_read":0,"duration":0.0421,"size":12,"status":502}'
)


@pytest.mark.parametrize(
    ("line", "status", "path", "milliseconds"),
    [
        ('2026-09-21 10:00:00,123 INFO api: 127.0.0.1 "GET /jobs" 200 3ms', 200, "/jobs", 3.0),
        ('10.0.0.7 - - [21/Sep/2026:10:00:00 +0000] "POST /pay HTTP/1.1" 503 162 "-" "curl/8"', 503, "/pay", None),
        ('10.0.0.7 - - [21/Sep/2026:10:00:00 +0000] "GET / HTTP/2.0" 200 9 "-" "x" rt=0.042', 200, "/", 42.0),
        ('10.0.0.7 - - [21/Sep/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 9 "-" "x" 0.042', 200, "/", 42.0),
        ('INFO:     127.0.0.1:50000 - "GET /up HTTP/1.1" 404 Not Found', 404, "/up", None),
        ('"GET /a HTTP/1.1" 200 - 1.5s', 200, "/a", 1500.0),
        ('"GET /a HTTP/1.1" 200 - 250 µs', 200, "/a", 0.25),
        (CADDY, 502, "/orders?id=7", 42.1),
        ('{"status_code": 500, "path": "/a", "duration_ms": 12, "request_id": "r-12345"}', 500, "/a", 12.0),
        ('{"status": "201", "url": "/a", "latency_ms": 7.5}', 201, "/a", 7.5),
        ('{"status": 200, "path": "/a", "duration": "12ms"}', 200, "/a", 12.0),
    ],
)
def test_forms_of_access_logs(line: str, status: int, path: str, milliseconds: float | None) -> None:
    request = request_in(line, 7)
    assert request is not None
    assert (request.status, request.path, request.line_number) == (status, path, 7)
    assert request.milliseconds == (milliseconds if milliseconds is None else pytest.approx(milliseconds))
    assert request.is_server_error == (status >= 500)


def test_stamps_and_ids_are_kept() -> None:
    request = request_in(CADDY)
    assert request is not None
    assert request.at is not None
    assert request.at.timestamp() == pytest.approx(1790000000, abs=1)
    named = request_in('2026-09-21T10:00:00Z "GET /a" 500 3ms request_id=4f2a-99')
    assert named is not None
    assert named.id == "4f2a-99"


@pytest.mark.parametrize(
    "line",
    [
        "",
        CADDY.replace("http.log.access", "http.log.error"),  # why the same request failed, told before
        "{",
        "[]",
        '{"status": "ok", "path": "/a"}',
        '{"status": 7}',
        '{"status": null}',
        "GET /a 200",
        'he said "GET lost" 200',
        '"GET /a" 999',
    ],
)
def test_what_is_no_request_is_none(line: str) -> None:
    assert request_in(line) is None


@given(st.text(max_size=200))
def test_no_line_is_more_than_no_request(line: str) -> None:
    request_in(line)
    request_in("{" + line)
    request_in(f'"GET {line}" 200 {line}')
