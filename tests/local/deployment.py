"""Programs for the supervisor's tests; run as `python deployment.py KIND FOLDER [PORT PORT]`, a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from awe_incidents.local.console import Console
from awe_incidents.local.errors import LocalError
from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.program import Program, Restart
from awe_incidents.local.supervisor import Supervisor
from awe_incidents.local.valkey import ValkeyServer

IGNORES_TERM = "trap '' TERM; while :; do sleep 0.1; done"
# A parent as granian or celery are: one child in its group, one that left for a session of its own.
FAMILY = "sleep 300 & setsid sleep 300 & while :; do sleep 0.1; done"


def shell(name: str, script: str, **rules: object) -> Program:
    return Program(name=name, argv=("/bin/sh", "-c", script), env={"PATH": os.environ["PATH"]}, **rules)  # type: ignore[arg-type]


def recorder(name: str, folder: Path) -> Program:
    """A program that writes its start and its orderly end into the file `events`; ready a little after its start."""
    note = f"echo {{}} {name} >> {folder}/events"
    script = (
        f"trap '{note.format('stop')}; exit 0' TERM; sleep 0.2; {note.format('start')}; while :; do sleep 0.05; done"
    )
    return shell(name, script, is_ready=lambda: f"start {name}" in read(folder / "events"))


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def servers(folder: Path, ports: list[int]) -> list[Program]:
    cluster = PostgresCluster.at(folder / "postgres", port=ports[0])
    valkey = ValkeyServer.at(folder / "valkey", port=ports[1])
    return [cluster.program(), valkey.program(), shell("web", FAMILY)]


def programs(kind: str, folder: Path, ports: list[int]) -> list[Program]:
    quick = Restart(limit=1, first_seconds=0.05)
    kinds = {
        "order": lambda: [recorder(name, folder) for name in ("first", "second", "third")],
        "servers": lambda: servers(folder, ports),
        "family": lambda: [shell("web", FAMILY), shell("deaf", IGNORES_TERM, grace_seconds=0.5)],
        "deaf": lambda: [shell("deaf", IGNORES_TERM, grace_seconds=60.0)],
        "broken": lambda: [
            shell("steady", FAMILY),
            shell("broken", "echo all fine; echo the disk is full; exit 3", restart=quick),
        ],
        "dying": lambda: [
            shell("steady", FAMILY),
            shell("dying", "echo so tired; sleep 0.1; kill -9 $$", restart=quick),
        ],
        "optional": lambda: [shell("steady", FAMILY), shell("optional", "exit 3", essential=False, restart=quick)],
        "late": lambda: [shell("late", FAMILY, is_ready=lambda: False, ready_seconds=0.3)],
        "task": lambda: [shell("task", "echo done once", one_shot=True), shell("steady", FAMILY)],
        "closes-output": lambda: [shell("mute", "exec >&- 2>&-; while :; do sleep 5; done")],
        "impossible": lambda: [Program(name="impossible", argv=("/nonexistent/program",))],
    }
    return kinds[kind]()


def say_ready(console: Console) -> None:
    console.say("supervisor", "all ready")


if __name__ == "__main__":
    signal.alarm(120)  # whatever a test forgets ends by itself
    place = Path(sys.argv[2])
    try:
        wanted = programs(sys.argv[1], place, [int(port) for port in sys.argv[3:]])
        sys.exit(Supervisor(wanted, state_dir=place, on_ready=say_ready).run())
    except LocalError as error:
        sys.exit(f"refused: {error}")
