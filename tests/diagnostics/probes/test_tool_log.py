"""How lines of workers' logs tell that a tool was used well or badly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.tool_log import uses
from diagnostics.probes.worker_log import Line


def told(*texts: str) -> list[tuple[str, bool]]:
    return [(use.tool, use.is_good) for use in uses(Line(number, text, None) for number, text in enumerate(texts))]


@pytest.mark.parametrize(
    ("text", "tool", "is_good"),
    [
        ("2026-09-21 10:00:00,1 INFO worker: job done id=4f2a tool=echo attempts=1 3ms", "echo", True),
        ("ERROR worker: agent tool giving up tool=web_fetch job=4f error=URLError: done", "web_fetch", False),
        ("[2026-09-21 10:00:00,1: INFO/Pool-1] Task shop.pay[21d1-44c2] succeeded in 0.1s: 'failed'", "shop.pay", True),
        ("[..: ERROR/Pool-1] Task pay[21d1-44c2] raised unexpected: ValueError('no')", "pay", False),
        ('{"event": "tool finished", "tool": "search", "ms": 12}', "search", True),
        ('{"msg": "tool call", "tool_name": "search", "status": "error"}', "search", False),
        ('{"tool": "search", "outcome": "success", "message": "the failed row was found"}', "search", True),
        ("INFO completed tool: 'search'", "search", True),
        ("WARNING timed out tool=search", "search", False),
    ],
)
def test_forms_of_lines(text: str, tool: str, is_good: bool) -> None:
    assert told(text) == [(tool, is_good)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "INFO job start id=4f2a tool=echo",
        "WARNING agent tool failed tool=web_fetch job=4f attempt=1/3 error=refused",  # two more may come
        "INFO worker started",
        "ERROR everything failed",
        '{"tool": "search"}',
        '{"tool": "drop table; --", "status": "ok"}',
        '{"tool": 7, "status": "ok"}',
        "{",
    ],
)
def test_lines_that_tell_of_no_end(text: str) -> None:
    assert told(text) == []


@given(st.text(max_size=300))
def test_no_line_is_more_than_nothing_told(text: str) -> None:
    told(text, "{" + text, f"tool={text}", f'{{"tool": "{text}"}}')
