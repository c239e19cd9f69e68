"""The fault bench: `python -m tests.faults [FAULT...|none|A+B]` breaks the lab, has it diagnosed, and heals it.

Without names every fault goes, then the pairs, then what is no fault. `results.json` keeps the runs, by name, and
`make fix` draws docs/faults.md of it. A raw report of each run is left in the folder that AWE_FAULT_REPORTS names.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.engine import HOME, ensure_engine
from tests.faults.fault import Fault, all_faults
from tests.faults.noise import NOISES

RESULTS = Path(__file__).parent / "results.json"
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


def main(names: Sequence[str]) -> int:
    """Run what is named, print a line each and exit 1 when a cause was missed or shown without reason."""
    stack, wrong = ComposeStack(HOME / "awe", ensure_engine()), 0
    stack.up()
    for name in names or [*all_faults(), *PAIRS, *NOISES]:
        try:
            run = _noise_run(stack, name) if name in NOISES else _fault_run(stack, name)
        except Exception as error:
            print(f"{name:<45} {type(error).__name__}: {error}", flush=True)
            wrong += 1
            stack.up()
            continue
        _keep(name, run)
        wrong += not run["right"]
        verdict = "right" if run["right"] else "WRONG"
        print(f"{name:<45} {verdict} {run['seconds']:5.1f} s  {', '.join(run['found'][:4]) or '-'}", flush=True)
    return 1 if wrong else 0


def _fault_run(stack: ComposeStack, name: str) -> dict[str, Any]:
    faults = [all_faults()[slug] for slug in name.split("+")]
    with _made(stack, faults):
        report, seconds = _look(stack, name)
    found = [cause["code"] for cause in report["causes"]]
    ranks = [min((found.index(one) + 1 for one in fault.causes if one in found), default=0) for fault in faults]
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
    cited = [{(span["check"], span["evidence"]) for span in cause["evidence"]} for cause in report["causes"]]
    return {
        "verdict": report["verdict"],
        "found": [cause["code"] for cause in report["causes"]],
        "grounded": all(spans and spans <= evidence for spans in cited),
        "unexplained": [one["code"] for one in report["unexplained"]],
        "seconds": round(seconds, 1),
        "checks": {
            one["check"]: one["state"] for one in report["results"] if one["state"] in {"fail", "warn", "error"}
        },
    }


def _keep(name: str, run: Mapping[str, Any]) -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[name] = run
    RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
