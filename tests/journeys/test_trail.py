"""`make up` signs what happens, through kill -9 of sequencer, signer and PostgreSQL, and an auditor can verify it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx

from awe_incidents.audit import verify_trail
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.note import Note
from tests.journeys.service import Service, running_service, wait_until

QUIET_STACK = """
schema = 1
name = "ledger"
environment = "Development"
vantage = "process"
[services.api]
role = "api"
"""
COUNT = "from awe_incidents.audit.models import Entry; print(Entry.objects.count())"


def file_report(service: Service) -> None:
    body = {"stack": "ledger", "environment": "Staging", "actual_behavior": "it does not start"}
    with service.client("demo-reporter") as http:
        wait_until(lambda: _is_taken(http, body), seconds=60, what="a report is taken")


def _is_taken(http: httpx.Client, body: dict[str, str]) -> bool:
    return http.post("/bug-reports/", json=body).status_code == 201


def checkpoint(service: Service) -> Checkpoint:
    return Checkpoint.parse(Note.parse((service.folder / "trail" / "log" / "checkpoint").read_bytes()).text)


def test_what_happened_is_signed_and_verified(tmp_path: Path) -> None:
    with running_service() as service:
        description = tmp_path / "stack.toml"
        description.write_text(QUIET_STACK)
        service.apply(description)
        for program in ("sequencer", "signer", "postgres"):
            file_report(service)
            service.kill(program)
        file_report(service)
        programs = ("postgres", "web", "sequencer", "signer")
        wait_until(lambda: all(map(service.is_ready, programs)), seconds=60, what="everything is up again")

        def is_signed() -> bool:
            return checkpoint(service).size == int(service.manage("shell", "-v", "0", "-c", COUNT).split()[-1])

        wait_until(is_signed, seconds=120, what="everything is signed")
        service.manage("export_trail", str(tmp_path / "bundle"))
        pins = [word for vkey in service.manage("trail_key").split() for word in ("--vkey", vkey)]
        origin = checkpoint(service).origin
    verified = subprocess.run(
        [sys.executable, "-I", verify_trail.__file__, str(tmp_path / "bundle"), "--origin", origin, *pins, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(verified.stdout)
    assert report["verdict"] == "UNANCHORED", report
    assert report["size"] > 10
