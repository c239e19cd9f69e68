"""Insert rows from many processes as fast as they are committed: `python -m bench.rivals.writing KIND WRITERS SECONDS`.

With a fourth word, the seconds between two of a writer, it prints of each entry its id and when it was committed.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from multiprocessing.synchronize import Barrier
from typing import Any

import django
from django.db import connection, transaction
from django.utils import timezone

READY_SECONDS = 120.0


def write(kind: str, number: int) -> int:
    """Insert one row in a transaction of its own, with its entry where it is ours; give the entry's id, or 0."""
    from awe_incidents.actor import service
    from awe_incidents.audit import trail
    from bench.rivals.models import BECAUSE, BY, KINDS, told

    at = timezone.now()
    with told(kind), transaction.atomic():
        row = KINDS[kind]._default_manager.create(title=f"row {number}", state="running", number=number, at=at)
        if kind != "trail":
            return 0
        by = service(BY)
        return trail.record("bench:written", subject=row, by=by, at=at, because=BECAUSE, data={"number": number})


def keep_writing(
    kind: str, writer: int, start: Barrier, seconds: float, pause: float, results: multiprocessing.Queue[Any]
) -> None:
    """Write until the time is over; put how many were committed, how long it took, and which with a pause."""
    write(kind, -1)  # opens the connection, and prepares what is prepared
    start.wait(READY_SECONDS)
    began, number, committed = time.perf_counter(), 0, []
    while time.perf_counter() - began < seconds:
        entry = write(kind, writer * 1_000_000 + number)
        number += 1
        if pause:
            committed.append((entry, time.time()))
            time.sleep(pause)
    results.put((number, time.perf_counter() - began, committed))
    connection.close()


def main(kind: str, writers: int, seconds: float, pause: float = 0.0) -> dict[str, Any]:
    """Let processes write at once; give their commits a second, and with a pause each commit."""
    context = multiprocessing.get_context("fork")  # so that each need not load everything; nothing is connected yet
    django.setup()
    start, results = context.Barrier(writers), context.Queue()
    processes = [
        context.Process(target=keep_writing, args=(kind, writer, start, seconds, pause, results), daemon=True)
        for writer in range(writers)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=READY_SECONDS + seconds * 4) for _ in processes]
    for process in processes:
        process.join()
    rate = sum(number for number, _, _ in found) / max(took for _, took, _ in found)
    return {"rate": rate, "committed": [one for _, _, committed in found for one in committed]}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.rivals.settings")
    _, kind, writers, seconds, *pause = sys.argv
    print(json.dumps(main(kind, int(writers), float(seconds), *map(float, pause))))
