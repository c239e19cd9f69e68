"""The page of the fault bench: what was broken, what was found, and which checks told of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "tests" / "faults" / "results.json"
MARKS = {"fail": "F", "warn": "w", "error": "e"}


def fault_page(generated: str) -> str:
    """Draw the runs of `make faults` as a table, and the faults by the checks that went red."""
    runs: Mapping[str, Mapping[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return "\n".join([*_head(runs, generated), *_table(runs), "", *_matrix(runs)]) + "\n"


def _head(runs: Mapping[str, Mapping[str, Any]], generated: str) -> Iterator[str]:
    single = [run for name, run in runs.items() if len(run["expected"]) == 1 and ">" not in name]
    roots = [run for name, run in runs.items() if ">" in name]
    pairs = [run for run in runs.values() if len(run["expected"]) > 1]
    none = [run for run in runs.values() if not run["expected"]]
    seconds = sorted(run["seconds"] for run in runs.values())
    yield from ("# The fault bench", generated, "")
    yield "`make faults` breaks the reference stack in containers, one fault after the other, has it diagnosed from the"
    yield "shell and heals it; the table holds the last run of each. Seconds are of the whole diagnosis, on two cores."
    yield ""
    if healthy := runs.get("none", {}).get("slowest"):
        yield f"Of the healthy deployment a run takes {runs['none']['looking']} s from the first look to the last,"
        yield f"beside {healthy[1]} s of its slowest check (`{healthy[0]}`)."
        yield ""
    yield f"- single faults: {_share(single, lambda run: run['ranks'][0] == 1)} with the right cause first,"
    yield f"  {_share(single, lambda run: 0 < run['ranks'][0] <= 3)} with it among the first three"
    yield f"- pairs: {_share(pairs, lambda run: run['right'])} with both causes named"
    yield f"- roots that hide another fault (`root>hidden`): {_share(roots, lambda run: run['right'])} named first"
    yield f"- no fault: {_share(none, lambda run: not run['found'])} without a cause"
    grounded = _share(list(runs.values()), lambda run: run["grounded"])
    yield f"- grounded: {grounded} with evidence behind every cause shown"
    if again := [name for name, run in runs.items() if run.get("tries", 1) > 1]:
        yield f"- right or wrong at the second try, after a miss: {', '.join(again)}"
    if seconds:
        most = seconds[math.ceil(0.95 * len(seconds)) - 1]
        yield f"- seconds: {seconds[len(seconds) // 2]} in the middle, {most} at 95 %"
    yield ""


def _share(runs: list[Mapping[str, Any]], is_so: Any) -> str:
    return f"{sum(bool(is_so(run)) for run in runs)} of {len(runs)}"


def _table(runs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| fault | expected | causes found | rank | grounded | seconds |"
    yield "|---|---|---|---|---|---|"
    for name, run in runs.items():
        expected = "; ".join(" or ".join(causes) for causes in run["expected"]) or "none"
        found = ", ".join(_named(run)) or ("not run" if run["verdict"] == "not run" else "none")
        ranks = ", ".join(str(rank) if rank else "missed" for rank in run["ranks"]) or "-"
        yield f"| {name} | {expected} | {found} | {ranks} | {'yes' if run['grounded'] else 'no'} | {run['seconds']} |"


def _named(run: Mapping[str, Any]) -> Iterator[str]:
    subjects = run.get("subjects", [""] * len(run["found"]))
    return (f"{code} ({subject})" if subject else code for code, subject in zip(run["found"], subjects, strict=True))


def _matrix(runs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    checks = sorted({check for run in runs.values() for check in run["checks"]})
    yield "## Faults and checks"
    yield "F: the check failed, w: it warned, e: it could not look."
    yield ""
    yield f"| fault | {' | '.join(checks)} |"
    yield f"|---|{'---|' * len(checks)}"
    for name, run in runs.items():
        yield f"| {name} | {' | '.join(MARKS.get(run['checks'].get(check, ''), ' ') for check in checks)} |"
