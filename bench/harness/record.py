"""Where figures go: a line each in a JSON lines file, and a table on the terminal."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from bench.harness.figure import Figure

CHECKOUT = Path(__file__).resolve().parents[2]
RESULTS = CHECKOUT / "bench" / "results.jsonl"


def circumstances(*, quick: bool) -> dict[str, Any]:
    """Say when, of which commit and on what machine; never a host's name or a path."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = {"cores": len(os.sched_getaffinity(0)), "memory_bytes": memory_bytes}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine,
        "quick": quick,
    }


def commit(folder: Path = CHECKOUT) -> str | None:
    """Give the commit that is checked out, with a plus sign where files of it are changed; None outside of git."""
    described = _git(folder, "rev-parse", "--short=12", "HEAD")
    if not described:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{described}+" if changed else described


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(("git", *arguments), cwd=folder, capture_output=True, text=True, timeout=10, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def append(path: Path, figure: Figure, *, family: str, about: dict[str, Any]) -> None:
    """Append one figure as one line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"family": family, **asdict(figure), **about}) + "\n")


def table(figures: Iterable[Figure]) -> Table:
    """Lay figures out for people."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    shown.add_column("figure, and what it was measured against", overflow="fold", ratio=1)
    for name in ("value", "beside", "ratio", "target"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("met")
    for one in figures:
        what = Text.assemble(one.name, ("\n  " + one.beside if one.beside else "", "dim"))
        beside = "" if one.beside_value is None else f"{one.beside_value:g}"
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        shown.add_row(what, f"{one.value:g} {one.unit}", beside, ratio, one.target, _verdict(one))
    return shown


def _verdict(figure: Figure) -> Text:
    if figure.met is None:
        return Text("")
    return Text("yes", style="green") if figure.met else Text("no", style="bold red")
