"""The web server as the supervisor runs it, on the test's database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.db import connection

from awe_incidents.local.ports import take_port

CHECKOUT = Path(__file__).parents[2]
START_SECONDS = 60.0


@contextmanager
def serving(database_url: str, log: Path, *, workers: int = 1, **variables: str) -> Iterator[httpx.Client]:
    """Run the web server as the supervisor does, and give a client of it; its lines go into `log`."""
    port = take_port(log.with_name("ports.json"), "web")
    listen = ("--interface", "rsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--workers", str(workers))
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "AWE_ENV": "development",
        "AWE_DB_POOL": "4",
        "AWE_WEB_THREADS": "4",
        **variables,
    }
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "granian", *listen, "awe_incidents.rsgi:application"],
            cwd=CHECKOUT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
            _wait_for(client, server, log)
            yield client
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at and server.poll() is None:
        try:
            if client.get("/livez").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def database_url() -> str:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
