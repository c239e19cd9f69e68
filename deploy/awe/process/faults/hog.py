"""Hold a database's locks or connections as a client that misbehaves: `hog.py KIND SUPERVISOR_PID PID_FILE`.

A plain script with the database's address in DATABASE_URL. It returns once its child holds what it should; the child
goes on in the background, and ends with the stack's supervisor, so that no stack leaves it behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

RETRY_SECONDS = 0.05
AT_MOST = 500  # connections
WAITING = 4  # clients behind those that have a connection


def main(kind: str, supervisor: int, pid_file: Path) -> int:
    """Let a child of ours take what it should, and wait until it has; give the exit code."""
    watched = os.pidfd_open(supervisor)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(reading)
        KINDS[kind](os.environ["DATABASE_URL"], lambda: os.write(writing, b"."), watched)
        return 0
    os.close(writing)
    pid_file.write_text(f"{child}\n")
    return 0 if os.read(reading, 1) else 1


def lock(url: str, has_it: Callable[[], object], watched: int) -> None:
    """Lock the table of jobs and do nothing, while a report waits for it."""
    holder = psycopg.connect(url, application_name="nightly-maintenance")
    holder.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
    waiter = psycopg.connect(url, application_name="report-exporter", autocommit=True)
    threading.Thread(target=waiter.execute, args=("SELECT count(*) FROM jobs",), daemon=True).start()
    has_it()
    select.select([watched], [], [])


def connections(url: str, has_it: Callable[[], object], watched: int) -> None:
    """Open connections until there are none, and take those that become free."""
    held = list[psycopg.Connection[tuple[object, ...]]]()
    while not select.select([watched], [], [], 0 if len(held) < AT_MOST else RETRY_SECONDS)[0]:
        try:
            held.append(psycopg.connect(url, application_name="report-exporter", autocommit=True))
        except psycopg.OperationalError:
            with contextlib.suppress(OSError):
                has_it()
            select.select([watched], [], [], RETRY_SECONDS)


def pool(url: str, has_it: Callable[[], object], watched: int) -> None:
    """Keep every connection of a pool in open transactions, while more of the same clients wait for one."""
    held = [psycopg.connect(url, application_name="batch-importer") for _ in range(int(os.environ["POOL_SIZE"]))]
    for connection in held:
        connection.execute("SELECT count(*) FROM jobs")
    for _ in range(WAITING):
        threading.Thread(target=wait_for_ever, args=(url,), daemon=True).start()
    has_it()
    select.select([watched], [], [])


def wait_for_ever(url: str) -> None:
    """Ask for a connection again and again."""
    while True:
        with contextlib.suppress(psycopg.Error), psycopg.connect(url, application_name="batch-importer") as connection:
            connection.execute("SELECT 1")
        time.sleep(RETRY_SECONDS)


KINDS = {"lock": lock, "connections": connections, "pool": pool}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
