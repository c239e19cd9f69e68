"""What the demonstration shows: steps with their seconds, a live table of the run, the findings with their evidence."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

COLORS = {"pass": "green", "warn": "yellow", "fail": "bold red", "skip": "dim", "error": "magenta"}

# Where there is no terminal to ask (CI, a pipe) a width at which tables need not wrap.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show a step while it goes, and its seconds once done."""
    began = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - began:.1f} s[/]")


def show_run(runs: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """Show a run live and give it as it ended."""
    run: dict[str, Any] = {}
    with Live(console=console, refresh_per_second=8, transient=not console.is_terminal) as live:
        for run in runs:
            live.update(_table(run))
    if not console.is_terminal:
        console.print(_table(run))
    return run


def _table(run: dict[str, Any]) -> Table:
    results = run["results"]
    done = sum(result["progress"] == "stored" for result in results)
    table = Table(
        title=f"Run {run['id']}: {run['state']}, {done} of {len(results)} checks", title_justify="left", box=None
    )
    for name in ("check", "state", "code", "target", "ms"):
        table.add_column(name, justify="right" if name == "ms" else "left", overflow="fold")
    for result in results:
        state = result["state"] or result["progress"]
        milliseconds = "" if result["duration_ms"] is None else str(result["duration_ms"])
        table.add_row(
            result["check_id"], Text(state, COLORS.get(state, "cyan")), result["code"], result["target"], milliseconds
        )
    return table


def show_finding(result: dict[str, Any], excerpts: list[tuple[str, str]]) -> None:
    """Show a failing check with the evidence lines that it cites."""
    console.print(f"\n[bold red]{result['check_id']}[/] [red]{result['code']}[/]  {result['target']}")
    console.print(f"  {result['message']}")
    for title, text in excerpts:
        console.print(Panel(Text(text), title=title, title_align="left", border_style="dim"))


def show_links(links: dict[str, str]) -> None:
    """Show where to look on."""
    width = max(map(len, links))
    for name, address in links.items():
        console.print(f"  {name:<{width}}  [link={address}]{address}[/link]", soft_wrap=True)
