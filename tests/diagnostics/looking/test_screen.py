"""What a person sees: plain lines without a terminal, cited lines with their numbers, and no control characters."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from diagnostics.checks.result import Evidence, Finding, Result, State
from diagnostics.looking.report import SessionReport
from diagnostics.looking.screen import Screen, print_summary, printable
from tests.diagnostics import looks

NASTY = "\x1b[2J\x1b]0;owned\x07 [bold]not markup[/bold] \u202egnp.exe"


def result(state: State = State.FAIL) -> Result:
    evidence = Evidence(
        key="e1", kind="log_excerpt", source=f"/var/log/{NASTY}", content=f"one\n{NASTY}\nthree", first_line=40
    )
    finding = Finding(
        state=state, code="redis.refused", message=NASTY, target="host:1", citations=(evidence.lines(2, 3),)
    )
    return Result(
        check="database.redis",
        version=1,
        findings=(finding,),
        evidence=(evidence,),
        started_at=datetime.now(UTC),
        duration_ms=5,
        vantage="worker",
    )


def report(tmp_path: Path, *results: Result) -> SessionReport:
    return SessionReport(
        stack=looks.stack(tmp_path), suite="full", started_at=datetime.now(UTC), seconds=1.5, results=results
    )


def plain() -> Console:
    return Console(file=io.StringIO(), width=100)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_every_result_is_one_line() -> None:
    console = plain()
    with Screen(console) as screen:
        screen.started("database.redis")
        screen.finished(result())
    assert text(console).count("\n") == 1
    assert text(console).startswith("fail   database.redis")


def test_nothing_of_a_hostile_target_reaches_the_terminal_raw(tmp_path: Path) -> None:
    console = plain()
    with Screen(console) as screen:
        screen.finished(result())
    print_summary(report(tmp_path, result()), console)
    shown = text(console)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "[bold]not markup[/bold]" in shown


def test_the_summary_cites_lines_by_their_numbers_in_the_source(tmp_path: Path) -> None:
    console = plain()
    print_summary(report(tmp_path, result()), console)
    assert "41 | " in text(console)
    assert "42 | three" in text(console)
    assert "one" not in text(console).split("41 |")[0].split("evidence e1")[1].split("\n", 1)[1]
    assert "1 check: 1 looked; 1.5 s" in text(console)
    assert "corner-shop: unhealthy" in text(console)


def test_on_a_terminal_a_live_table_shows_what_looks_now() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with Screen(console) as screen:
        screen.started("database.redis")
        screen.started("startup.logs")
        screen.finished(result())
        table = screen._table()
    shown = plain()
    shown.print(table)
    assert "startup.logs" in text(shown)
    assert "database.redis" not in text(shown)
    assert "\x1b[?25h" in text(console), "the cursor is shown again"


@pytest.mark.parametrize("state", [State.ERROR, State.SKIP])
def test_what_was_not_looked_at_is_listed_with_its_reason(tmp_path: Path, state: State) -> None:
    console = plain()
    print_summary(report(tmp_path, result(state)), console)
    assert "database.redis: " in text(console)
    assert "could not look" in text(console)


def test_printable_leaves_what_people_write() -> None:
    assert printable("Grüße, 世界 🎉") == "Grüße, 世界 🎉"
    assert printable("a\tb\x00") == "a\\tb\\x00"
