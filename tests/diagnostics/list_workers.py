"""A real worker of lists in Redis for tests: takes jobs at least once, and dies of some of them as real ones do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostics.stack import Service
from tests.diagnostics.brokers import Broker, wait_until

WORKER = """
import json, os, signal, sys, time
import redis

port, password, pid_file, tools = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4].split(",")
box = redis.Redis(host="127.0.0.1", port=port, password=password, decode_responses=True)

def say(level, text):
    print(time.strftime("%Y-%m-%d %H:%M:%S"), level, text, flush=True)

open(pid_file, "w").write(str(os.getpid()))
say("INFO", "worker started")
while box.lmove("letters:open", "letters", "RIGHT", "LEFT") is not None:
    say("INFO", "requeued unfinished job")
while True:
    raw = box.blmove("letters", "letters:open", 5, "RIGHT", "LEFT")
    if raw is None:
        continue
    job = json.loads(raw)
    tool = job["tool"]
    if tool not in tools:
        say("ERROR", "unknown tool '%s' of job %s" % (tool, job["id"]))
        box.lpush("letters:dead", raw)
    else:
        say("INFO", "job start id=%s tool=%s" % (job["id"], tool))
        if tool == "bomb":
            os.kill(os.getpid(), signal.SIGKILL)
        if tool == "sleep":
            time.sleep(600)
        say("INFO", "job done id=%s tool=%s" % (job["id"], tool))
    box.lrem("letters:open", 1, raw)
"""
KEEP_UP = 'while :; do "$@"; sleep 0.05; done'  # what a supervisor does


@dataclass(frozen=True)
class ListWorker:
    """A worker that is kept up; its process changes when it dies."""

    root: Path
    log: Path

    def service(self) -> Service:
        return Service(name="postman", role="worker", pid_file=self.root / "postman.pid", log_files=(self.log,))

    def lines(self, text: str) -> int:
        return self.log.read_text().count(text)

    def wait_for(self, text: str, *, times: int = 1) -> None:
        wait_until(lambda: self.lines(text) >= times, seconds=20)


@contextlib.contextmanager
def list_worker(broker: Broker, *, tools: str = "deliver,sleep,bomb") -> Iterator[ListWorker]:
    """Run the worker under something that starts it again and again."""
    root = broker.root
    (root / "worker.py").write_text(WORKER)
    log, pid_file = root / "postman.log", root / "postman.pid"
    argv = [sys.executable, str(root / "worker.py"), str(broker.port), broker.password, str(pid_file), tools]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", KEEP_UP, "sh", *argv], stdout=output, stderr=output, start_new_session=True
        )
    worker = ListWorker(root, log)
    try:
        worker.wait_for("worker started")
        yield worker
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        pid_file.unlink(missing_ok=True)


def letter(number: int, tool: str = "deliver", *, age_seconds: float = 0, **more: Any) -> str:
    """Give a job as the worker takes it."""
    fields = {"id": f"letter-{number}", "tool": tool, "args": {"pin": "hunter2hunter2"}}
    return json.dumps(fields | {"queued_at": time.time() - age_seconds} | more)
