"""Wait until the database answers: `python -m shared.wait_for_database SECONDS`."""

from __future__ import annotations

import sys
import time

import psycopg

from shared import config
from shared.log import flat

PAUSE_SECONDS = 2


def wait(*, timeout_seconds: float) -> None:
    """Try to connect until it works; every failure is a line, the last one ends the program."""
    url = config.current().migration_database_url
    host = url.rsplit("@", 1)[-1]
    started, attempt = time.monotonic(), 0
    while True:
        attempt += 1
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            print(f"waiting for database {host} (try {attempt}): {flat(str(error))}", flush=True)
        else:
            return
        if time.monotonic() - started > timeout_seconds:
            sys.exit(f"database {host} not reachable after {timeout_seconds:.0f}s, giving up")
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    wait(timeout_seconds=float(sys.argv[1]))
