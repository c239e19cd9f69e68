from __future__ import annotations

import pytest

from diagnostics.probes.levels import level_of


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2025-11-23 20:49:01 INFO api error budget is fine", "info"),
        ("2025-11-23 20:49:01 UTC [7] FATAL:  password authentication failed", "fatal"),
        ("2025-11-23 20:49:01 UTC [7] LOG:  ready", "info"),
        ('{"level": "error", "msg": "INFO"}', "error"),
        ('{"severity":"WARNING"}', "warn"),
        ("time=2025 level=debug msg=x", "debug"),
        ("2025/11/23 20:49:01 [error] 7#7: connect() failed", "error"),
        ("1234:M 23 Nov 2025 20:49:01.123 # Background saving error", "warn"),
        ("1234:M 23 Nov 2025 20:49:01.123 * Ready", "info"),
        ("[2025-11-23 20:49:01 +0000] [7] [CRITICAL] out", "fatal"),
        ("panic: runtime error", "fatal"),
        ('10.0.0.1 - - "GET /error HTTP/1.1" 200', "other"),
        ("    at com.example.Main(Main.java:7)", "other"),
    ],
)
def test_the_level_is_what_the_line_says_first(line: str, level: str) -> None:
    assert level_of(line) == level
