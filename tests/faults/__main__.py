"""The fault bench: `python -m tests.faults [FAULT...|none|A+B]` breaks the lab, has it diagnosed, and heals it.

Without names every fault goes, then what is no fault, then the pairs; with `--minutes N` none begins later than that,
and what was left out is told. `results.json` keeps the runs, by name, and `make fix` draws docs/faults.md of it. A
raw report of each run is left in the folder that AWE_FAULT_REPORTS names. It exits 1 when a target is missed:
`misses` has them.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.engine import HOME, ensure_engine
from tests.faults.fault import Fault, all_faults
from tests.faults.noise import NOISES

LEAST_FIRST = 0.95
WORST_RANK = 3
MOST_SECONDS = 20.0  # of 95 % of the runs
RESULTS = Path(__file__).parent / "results.json"
NOT_RUN: Mapping[str, Any] = {
    "verdict": "not run",
    "found": [],
    "right": False,
    "grounded": True,
    "unexplained": [],
    "seconds": 0.0,
    "checks": {},
}
PAIRS = (
    "server-cert-expired+db-down",
    "worker-stuck+ca-near-expiry",
    "redis-down+backup-missing",
    "server-cert-expired+redis-down",
    "jwt-secret-mismatch+ca-near-expiry",
    "worker-paused+client-cert-expired",
    "db-lock-long-transaction+server-cert-hostname-mismatch",
    "worker-crash+ca-near-expiry",
    "alembic-behind+worker-paused",
    "login-wrong-password+backup-missing",
)
# A root and what nobody can see any more because of it: the root has to come first, and nothing is owed of the other.
CASCADES = (
    "db-down>login-wrong-password",
    "redis-down>worker-stuck",
    "container-crash-loop>jwt-expired",
)


@click.command()
@click.argument("names", nargs=-1, metavar="[FAULT|A+B|none ...]")
@click.option("--minutes", type=float, help="Begin none later than that.")
@click.option("--again", is_flag=True, help="Try what was missed once more, and count that: busy machines hide signs.")
def main(names: Sequence[str], minutes: float | None, again: bool) -> None:
    """Break the lab, have it diagnosed, heal it; a line for each, and what was missed."""
    ends_at = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    stack, runs, left = ComposeStack(HOME / "awe", ensure_engine()), dict[str, dict[str, Any]](), list[str]()
    stack.up()
    for name in names or [*all_faults(), *NOISES, *PAIRS, *CASCADES]:
        if time.monotonic() > ends_at:
            left.append(name)
            continue
        runs[name] = _told_run(stack, name)
    for name in [name for name, run in runs.items() if again and not (run["right"] and run["grounded"])]:
        runs[name] = _told_run(stack, name, tries=2)
    if left:
        print(f"{len(left)} were left out, as the {minutes:g} minutes were over: {' '.join(left)}")
    print(slowest(runs))
    missed = list(misses(runs))
    print("\n".join(missed) or f"{len(runs)} runs, every target met")
    sys.exit(1 if missed else 0)


def misses(runs: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say which targets these runs miss: the right cause first in 95 % of single faults, and so on."""
    single = {name: run for name, run in runs.items() if len(run["expected"]) == 1}
    first = [name for name, run in single.items() if run["ranks"][0] == 1]
    if len(first) < LEAST_FIRST * len(single):
        yield f"right cause first in {len(first)} of {len(single)}: not {', '.join(single.keys() - set(first))}"
    for name, run in runs.items():
        if name in single and not 1 <= run["ranks"][0] <= WORST_RANK:
            yield f"{name}: the right cause is not among the first {WORST_RANK}"
        if name not in single and not run["right"]:
            yield f"{name}: {'a cause was missed' if run['expected'] else 'a cause was shown without a fault'}"
        if not run["grounded"]:
            yield f"{name}: a cause is shown without evidence"


def slowest(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how long 95 % of the runs took; no target that fails a gate, as it tells of the machine, too."""
    slow = sorted((run["seconds"], name) for name, run in runs.items())[math.ceil(0.95 * len(runs)) - 1 :]
    names = ", ".join(name for _, name in slow)
    return f"95 % of the runs took up to {slow[0][0]:g} s (wanted: {MOST_SECONDS:g}): {names}" if slow else "no runs"


def _told_run(stack: ComposeStack, name: str, *, tries: int = 1) -> dict[str, Any]:
    run = {**_run(stack, name), "tries": tries}
    _keep(name, run)  # also one that failed: what an earlier one found must not stand for it
    verdict = f"{'right' if run['right'] else 'WRONG'}{'' if tries == 1 else ' at the second try'}"
    print(f"{name:<45} {verdict} {run['seconds']:5.1f} s  {', '.join(run['found'][:4]) or '-'}", flush=True)
    return run


def _run(stack: ComposeStack, name: str) -> dict[str, Any]:
    """Give what came of one; a lab that would not break or heal is a cause that was missed."""
    run: dict[str, Any]
    try:
        run = _noise_run(stack, name) if name in NOISES else _fault_run(stack, name)
    except Exception as error:
        print(f"{name:<45} {type(error).__name__}: {error}", flush=True)
        _lay_out_anew(stack)
        expected = [] if name in NOISES else [list(all_faults()[slug].causes) for slug in name.split(">")[0].split("+")]
        run = {**NOT_RUN, "expected": expected, "ranks": [0] * len(expected)}
    return run


def _lay_out_anew(stack: ComposeStack) -> None:
    """Whatever stayed broken must not break the runs that follow."""
    settings = stack.settings
    stack.down(delete=True)
    stack.lay_out(settings)
    stack.up()


def _fault_run(stack: ComposeStack, name: str) -> dict[str, Any]:
    root, _, hidden = name.partition(">")
    faults = [all_faults()[slug] for slug in root.split("+")]
    with _made(stack, [*([all_faults()[hidden]] if hidden else []), *faults]):
        report, seconds = _look(stack, name)
    places = list(enumerate(report["causes"], start=1))
    ranks = [min((place for place, one in places if fault.is_named_by(one, stack)), default=0) for fault in faults]
    right = ranks[0] == 1 if len(faults) == 1 else all(0 < rank <= len(faults) + 1 for rank in ranks)
    return {
        **_noted(report, seconds),
        "expected": [list(fault.causes) for fault in faults],
        "ranks": ranks,
        "right": right,
    }


def _noise_run(stack: ComposeStack, name: str) -> dict[str, Any]:
    with NOISES[name](stack):
        report, seconds = _look(stack, name)
    return {**_noted(report, seconds), "expected": [], "ranks": [], "right": not report["causes"]}


@contextlib.contextmanager
def _made(stack: ComposeStack, faults: Sequence[Fault]) -> Iterator[None]:
    try:
        for fault in faults:
            fault.make(stack)
        yield
    finally:
        for fault in reversed(faults):
            fault.heal(stack)
        stack.wait_until_healthy()


def _look(stack: ComposeStack, name: str) -> tuple[dict[str, Any], float]:
    began = time.monotonic()
    looking = [sys.executable, "-m", "diagnostics", str(stack.description), "--json"]
    done = subprocess.run(looking, capture_output=True, text=True, timeout=120, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    if folder := os.environ.get("AWE_FAULT_REPORTS"):
        Path(folder, f"{name}.json").write_text(done.stdout)
    return report, time.monotonic() - began


def _noted(report: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    evidence = {(one["check"], piece["key"]) for one in report["results"] for piece in one["evidence"]}
    slowest = max(report["results"], key=lambda one: one["duration_ms"])
    cited = [{(span["check"], span["evidence"]) for span in cause["evidence"]} for cause in report["causes"]]
    return {
        "verdict": report["verdict"],
        "found": [cause["code"] for cause in report["causes"]],
        "subjects": [cause["service"] or Path(cause["subject"]).name for cause in report["causes"]],
        "grounded": all(spans and spans <= evidence for spans in cited),
        "unexplained": [one["code"] for one in report["unexplained"]],
        "seconds": round(seconds, 1),
        "looking": round(report["seconds"], 1),
        "slowest": [slowest["check"], round(slowest["duration_ms"] / 1000, 1)],
        "checks": {
            one["check"]: one["state"] for one in report["results"] if one["state"] in {"fail", "warn", "error"}
        },
    }


def _keep(name: str, run: Mapping[str, Any]) -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[name] = run
    RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
