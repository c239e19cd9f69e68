"""`trail.record()` beside the same insert without it and beside packages that keep histories; entry to signature."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.note import Note
from awe_incidents.local.layout import CHECKOUT
from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from bench.harness.site import Site, running_site

LIMIT_SECONDS = 1800.0
SETTINGS = "bench.rivals.settings"
MODULES = {"django-pghistory": "pghistory", "django-auditlog": "auditlog", "django-simple-history": "simple_history"}
WITHOUT = "django-pghistory_without_who_and_why"  # its shortest form: a copy of the row, and nothing of anybody
RIVALS = (*MODULES, WITHOUT)
WRITERS = (1, 8, 16)
LEAST_OF_PLAIN = 0.8  # at 16 writers (the design of the audit trail)
LEAST_OF_RIVALS = 1.0  # ahead of all three (the same), where they keep who and why as an entry does
# The design's own plain insert came to 837 to 967 commits a second by 16 writers, as its disk took its time. This much
# before each flush (PostgreSQL's `commit_delay`, which others' commits join) comes near that on a disk of 0.2 ms.
FLUSH_MICROSECONDS = 10_000
MOST_SIGNED_SECONDS = 1.0  # p99 from the commit of an entry to a checkpoint over it (the same)
PAUSE_SECONDS = 0.1  # of each of 16 writers while that is measured: 160 entries a second at most
PLAIN = "the same insert without a trail"


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield throughput beside the plain insert and beside each package, for 1, 8 and 16 writers, then the signature.

    No sequencer and no signer run while inserts are measured; both run while signatures are waited for.
    """
    if missing := [name for name, module in MODULES.items() if importlib.util.find_spec(module) is None]:
        raise MeasuringFailed(
            f"{', '.join(missing)} not installed: pip install --require-hashes -r requirements/bench.txt"
        )
    rounds, seconds = (2, 1.0) if quick else (7, 4.0)
    with running_site(settings=SETTINGS) as site:
        for writers in WRITERS:
            yield from _throughput(site, writers, rounds=rounds, seconds=seconds)
        with _slow_disk(site):
            yield from _throughput(site, max(WRITERS), rounds=rounds, seconds=seconds, where="_slow_disk")
        yield from _signatures(site, seconds=5.0 if quick else 60.0)


@contextmanager
def _slow_disk(site: Site) -> Iterator[None]:
    with site.superuser() as connection:
        connection.autocommit = True
        connection.execute(f"ALTER SYSTEM SET commit_delay = {FLUSH_MICROSECONDS:d}")
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute("ALTER SYSTEM RESET commit_delay")
        connection.execute("SELECT pg_reload_conf()")


def _throughput(site: Site, writers: int, *, rounds: int, seconds: float, where: str = "") -> Iterator[dict[str, Any]]:
    """Let all kinds take turns, every other round the other way round."""
    kinds = ["plain", "trail", *RIVALS]
    seen: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind in kinds if number % 2 == 0 else kinds[::-1]:
            seen[kind].append(float(_write(site, kind, writers, seconds)["rate"]))
    ours = statistics.median(seen["trail"])
    for kind in ("plain", *RIVALS):
        ratio = statistics.median(a / b for a, b in zip(seen["trail"], seen[kind], strict=True))
        yield figure(
            f"recording_{writers}_writers{where}_beside_{kind.replace('-', '_')}",
            ours,
            "1/s",
            beside=PLAIN if kind == "plain" else f"the same insert with {kind}",
            beside_value=statistics.median(seen[kind]),
            ratio=ratio,
            least_ratio=_least(kind, writers),
        )


def _least(kind: str, writers: int) -> float | None:
    if kind == WITHOUT:
        return None
    if kind != "plain":
        return LEAST_OF_RIVALS
    return LEAST_OF_PLAIN if writers == max(WRITERS) else None


def _write(site: Site, kind: str, writers: int, seconds: float, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.rivals.writing", kind, str(writers), str(seconds), *more]
    # One connection a process: a pool would only add threads that none of the kinds needs.
    env = site.environment(AWE_DB_POOL="0")
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise MeasuringFailed(f"{kind}: {done.stderr[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _signatures(site: Site, *, seconds: float) -> Iterator[dict[str, Any]]:
    for program in site.deployment.programs():
        if program.name in {"sequencer", "signer"}:
            site.run(program)  # as it is: each has a role of its own
    _until_signed(site)  # what was inserted before
    with _published(site) as seen:
        committed = _write(site, "trail", max(WRITERS), seconds, str(PAUSE_SECONDS))["committed"]
        _until_signed(site)
    waited = sorted(_waits(site, committed, seen))
    yield figure("recording_signed_p50", statistics.median(waited), "s")
    p99 = waited[len(waited) * 99 // 100]
    yield figure("recording_signed_p99", p99, "s", most=MOST_SIGNED_SECONDS)


@contextmanager
def _published(site: Site) -> Iterator[list[tuple[float, int]]]:
    """Note when which size was published, as anybody sees it who reads the file."""
    seen: list[tuple[float, int]] = [(0.0, _size(site))]
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(0.005):
            if (size := _size(site)) > seen[-1][1]:
                seen.append((time.time(), size))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stopping.set()
        thread.join()


def _size(site: Site) -> int:
    try:
        note = Note.parse((Path(site.environment()["AWE_TRAIL_DIR"]) / "log" / "checkpoint").read_bytes())
    except FileNotFoundError:
        return 0
    return Checkpoint.parse(note.text).size


def _until_signed(site: Site) -> None:
    ends_at = time.monotonic() + 300
    with site.superuser() as connection:
        while (row := connection.execute("SELECT count(*) FROM audit_entry").fetchone()) and _size(site) < row[0]:
            if time.monotonic() > ends_at:
                raise MeasuringFailed("entries are not signed")
            time.sleep(0.1)


def _waits(site: Site, committed: list[tuple[int, float]], seen: list[tuple[float, int]]) -> Iterator[float]:
    with site.superuser() as connection:
        places: dict[int, int] = dict(connection.execute("SELECT entry_id, index FROM audit_leaf").fetchall())
    for entry, at in committed:
        yield next(time for time, size in seen if size > places[entry]) - at
