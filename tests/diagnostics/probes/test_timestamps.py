from __future__ import annotations

from datetime import UTC, datetime

import pytest

from diagnostics.probes.timestamps import stamp_of

MOMENT = datetime(2025, 11, 23, 20, 49, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    [
        b"2025-11-23T20:49:01Z started",
        b"2025-11-23T21:49:01.000+01:00 started",
        b"2025-11-23 15:49:01,000 -0500 INFO started",
        b"2025-11-23 20:49:01.000 UTC [77] LOG:  database system is ready",
        b'{"level": "info", "time": "2025-11-23T20:49:01+00:00", "msg": "x"}',
        b'{"level":"info","ts":1763930941.5,"msg":"x"}',
        b'{"timestamp": 1763930941500}',
        b'10.0.0.1 - - [23/Nov/2025:20:49:01 +0000] "GET / HTTP/1.1" 200',
        b"[2025-11-23 20:49:01 +0000] [7] [INFO] Booting worker",
        b"1763930941.25 started",
    ],
)
def test_a_stamp_with_a_zone_is_read(line: bytes) -> None:
    stamp = stamp_of(line)
    assert stamp is not None
    assert stamp.at.replace(microsecond=0) == MOMENT
    assert not stamp.is_local


@pytest.mark.parametrize(
    "line",
    [
        b"2025/11/23 20:49:01 [error] 7#7: connect() failed",
        b"1234:M 23 Nov 2025 20:49:01.123 * Ready to accept connections",
        b"2025-11-23 20:49:01,123 INFO root started",
    ],
)
def test_a_stamp_without_a_zone_is_taken_as_local(line: bytes) -> None:
    stamp = stamp_of(line)
    assert stamp is not None
    assert stamp.is_local
    assert stamp.at.astimezone().replace(tzinfo=None, microsecond=0) == datetime(2025, 11, 23, 20, 49, 1)  # noqa: DTZ001


def test_syslog_leaves_out_the_year_and_never_means_the_future() -> None:
    now = datetime.now(UTC)
    for month in ("Jan", "Jun", "Dec"):
        stamp = stamp_of(f"{month} 15 10:00:00 host sshd[7]: x".encode())
        assert stamp is not None
        assert (stamp.at - now).days < 2


@pytest.mark.parametrize(
    "line", [b"", b"Traceback (most recent call last):", b"2025-02-31T10:00:00Z x", b"\xff\x00", b"at 12:30"]
)
def test_other_lines_have_no_stamp(line: bytes) -> None:
    assert stamp_of(line) is None
