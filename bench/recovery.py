"""From a request to the first step of its action, what the ledger costs, and a hundred requests waiting on a stack."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from awe_incidents.recovery.actions.base import Acting, Doing
from awe_incidents.recovery.actions.site import Site as Target
from bench.acting.stamp import Stamp, StampParameters, times_in
from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from bench.harness.runs import Asker, write_stack
from bench.harness.site import Site, running_site
from diagnostics.stack import SecretResolver, StackConfig, parse_toml

SETTINGS = "bench.acting.settings"
STACK = "bench"
PROGRAMS = ("web", "sequencer", "signer", "recovery", "sweeper")
MOST_TO_FIRST_STEP_SECONDS = 1.5  # a target of ours: with the intent in a signed checkpoint
END_SECONDS = 120.0
WAITING = 100
POLL_SECONDS = 0.005


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the way of requests one after the other, then of a hundred that wait until a worker is there."""
    with running_site(settings=SETTINGS) as site:
        asker, folder = _prepare(site)
        with site.superuser() as connection:
            _ask_and_wait(asker, connection, "warm-up")
            measured = [_click(asker, connection, folder, f"click-{n}") for n in range(15 if quick else 60)]
            yield from _clicks(measured, folder)
            yield from _waiting(site, asker, connection, folder, number=20 if quick else WAITING)


def _prepare(site: Site) -> tuple[Asker, Path]:
    token = site.tokens()["demo-operator"]
    site.manage("apply_stack", str(write_stack(site.folder, STACK)))
    for name in PROGRAMS:
        site.start(name)
    return Asker(site.port, token), site.folder


def _clicks(measured: Sequence[tuple[float, float]], folder: Path) -> Iterator[dict[str, Any]]:
    to_first, to_end = sorted(one for one, _ in measured), [one for _, one in measured]
    yield figure("recovery_click_to_first_step_p50", statistics.median(to_first), "s")
    p95 = to_first[max(0, round(0.95 * len(to_first)) - 1)]
    yield figure("recovery_click_to_first_step_p95", p95, "s", most=MOST_TO_FIRST_STEP_SECONDS)
    yield figure(
        "recovery_click_to_end",
        statistics.median(to_end),
        "s",
        beside="the action alone, looked at, done and verified without request, lease, signed intent and rows",
        beside_value=statistics.median(_bare(folder, f"bare-{number}") for number in range(len(measured))),
    )


def _waiting(
    site: Site, asker: Asker, connection: psycopg.Connection, folder: Path, *, number: int
) -> Iterator[dict[str, Any]]:
    site.stop("recovery")
    names = [f"waiting-{one}" for one in range(number)]
    took, asked = list[float](), list[int]()
    for name in names:
        began = time.monotonic()
        asked.append(_ask(asker, name))
        took.append(time.monotonic() - began)
    tenth = max(1, number // 10)
    yield figure(
        "recovery_request_while_many_wait",
        statistics.median(took[-tenth:]),
        "s",
        beside=f"the first {tenth} of {number} on the same stack, no worker being there",
        beside_value=statistics.median(took[:tenth]),
    )
    site.start("recovery")
    began = time.monotonic()
    wait_succeeded(connection, asked)
    yield figure("recovery_waiting_done", number / (time.monotonic() - began), "1/s")
    counted = [len(times_in(folder / name)) for name in names]
    yield figure("recovery_waiting_done_once", counted.count(1), "of the requests", least=number)


def _click(asker: Asker, connection: psycopg.Connection, folder: Path, name: str) -> tuple[float, float]:
    """Give seconds from the request to the first step, and to the end."""
    clicked_at = time.time()
    _ask_and_wait(asker, connection, name)
    ended_at = time.time()
    [stepped_at] = times_in(folder / name)
    return stepped_at - clicked_at, ended_at - clicked_at


def _ask_and_wait(asker: Asker, connection: psycopg.Connection, name: str) -> None:
    wait_succeeded(connection, [_ask(asker, name)])


def _ask(asker: Asker, name: str) -> int:
    body = {"stack": STACK, "action": Stamp.slug, "parameters": {"file": name}, "because": "bench"}
    return int(asker.post("recovery-requests/", body)["id"])


def wait_succeeded(connection: psycopg.Connection, asked: Sequence[int]) -> None:
    """Wait until they have succeeded. Raises: MeasuringFailed."""
    statement = "SELECT state, count(*) FROM recovery_execution WHERE request_id = ANY (%s) GROUP BY state"
    ends_at = time.monotonic() + END_SECONDS
    states: dict[str, int] = {}
    while time.monotonic() < ends_at:
        states = dict(connection.execute(statement, [list(asked)]).fetchall())
        if states == {"succeeded": len(asked)}:
            return
        time.sleep(POLL_SECONDS)
    raise MeasuringFailed(f"executions did not succeed within {END_SECONDS:g} s: {states}")


def _bare(folder: Path, name: str) -> float:
    """Give how long the action takes by itself."""
    action, began = Stamp(), time.perf_counter()
    target = Target(_stack(folder), SecretResolver(folder, {}), lambda text: text)
    parameters = StampParameters(file=name)
    acting = Acting(target, parameters, action.fingerprint(target, parameters))
    for step in action.steps(acting):
        step.run(Doing(token="bare", say=lambda text: None, check=lambda: None))  # noqa: S106  no secret
    verified = action.verify(acting)
    target.close()
    if not verified.is_good:
        raise MeasuringFailed(f"the action alone was not verified: {verified.text}")
    return time.perf_counter() - began


def _stack(folder: Path) -> StackConfig:
    return parse_toml((folder / f"{STACK}.toml").read_text(), folder=folder)
