"""From the answer 201 to the last result of a run, beside the slowest check of that run, on a healthy stack."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from awe_incidents.local.ports import take_port
from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from bench.harness.runs import Asker, check_times, wait_finished
from bench.harness.site import Site, running_site
from deploy.awe.process import ProcessStack, StackSettings

PROGRAMS = ("web", "worker", "sweeper")
RUN_SECONDS = 60.0
MOST_RATIO = 1.5


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the middle of several runs of the suite `full`, one after the other, after one that warms up."""
    with running_reference_stack() as stack, running_site() as site:
        asker = prepare(site, stack)
        incident = asker.open_incident(stack.settings.name)
        with site.superuser() as connection:
            seen = []
            for _ in range(4 if quick else 8):
                run_id = asker.ask_run(incident)
                answered_at = time.monotonic()
                whole = wait_finished(connection, [run_id], seconds=RUN_SECONDS) - answered_at
                times = check_times(connection, run_id)
                _refuse_unhealthy([one.slug for one in times if one.state in {"fail", "error"}])
                seen.append((whole, times[0]))
    seen = seen[1:]
    slowest = statistics.mode(check.slug for _, check in seen)
    yield figure(
        "diagnosis_seconds",
        statistics.median(whole for whole, _ in seen),
        "s",
        beside=f"the slowest check of the same run, mostly {slowest}",
        beside_value=statistics.median(check.duration_seconds for _, check in seen),
        ratio=statistics.median(whole / check.duration_seconds for whole, check in seen),
        most_ratio=MOST_RATIO,
    )


@contextlib.contextmanager
def running_reference_stack() -> Iterator[ProcessStack]:
    """Give a healthy reference stack in a folder of its own; nothing of it is left."""
    stack = ProcessStack(Path(tempfile.mkdtemp(prefix="awe-bench-stack-")))
    try:
        stack.lay_out(StackSettings(), api_port=take_port(stack.root / "port.json", "api"))
        stack.up(detached=False)
        yield stack
    finally:
        stack.remove()


def prepare(site: Site, stack: ProcessStack) -> Asker:
    """Start our programs, describe the stack to them and give an operator."""
    token = site.tokens()["demo-operator"]
    site.manage("apply_stack", str(stack.layout.description))
    for name in PROGRAMS:
        site.start(name)
    return Asker(site.port, token)


def _refuse_unhealthy(failed: list[str]) -> None:
    if failed:
        raise MeasuringFailed(f"the stack should be healthy, and these checks say otherwise: {', '.join(failed)}")
