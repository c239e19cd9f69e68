"""Real Celery workers for tests, each a process of its own on a real broker, with its log and its pid file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from kombu import Connection
from kombu.pidbox import Mailbox

from diagnostics.stack import Service
from tests.diagnostics.brokers import Broker, wait_until

START_SECONDS = 30
APP = """
import os, signal, time
from celery import Celery
app = Celery("work", broker=os.environ["BROKER"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
@app.task(name="sleep")
def sleep(seconds, secret=""):
    time.sleep(seconds)
@app.task(name="limited", time_limit=1)
def limited(seconds):
    time.sleep(seconds)
@app.task(name="patient", time_limit=3600)
def patient(seconds):
    time.sleep(seconds)
@app.task(name="die")
def die():
    os.kill(os.getpid(), signal.SIGKILL)
@app.task(name="refuse")
def refuse():
    raise ValueError("there is no such letter")
"""


@dataclass(frozen=True)
class CeleryWorker:
    """A worker that answered."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path
    pid_file: Path

    def send(self, task: str, *args: Any, **options: Any) -> None:
        with Celery(broker=self.url, set_as_current=False) as sender:
            sender.send_task(task, args=args, **options)

    def service(self) -> Service:
        return Service(name="postman", role="worker", pid_file=self.pid_file, log_files=(self.log,))

    def wait_for_line(self, *texts: str, times: int = 1) -> None:
        wait_until(lambda: all(self.log.read_text().count(text) >= times for text in texts), seconds=15)


@contextlib.contextmanager
def celery_worker(
    broker: Broker, *, name: str = "first", app: str = APP, pool: str = "prefork", more: tuple[str, ...] = ()
) -> Iterator[CeleryWorker]:
    """Run a worker until it answers, and end it with its children."""
    module = f"app_{name}"
    (broker.root / f"{module}.py").write_text(app)
    url = f"redis://:{broker.password}@127.0.0.1:{broker.port}/0"
    plain = {key: value for key, value in os.environ.items() if not key.startswith("DJANGO")}
    environment = plain | {"BROKER": url, "PYTHONPATH": str(broker.root)}
    program = ["-m", "celery", "-A", module, "worker", "-P", pool, "-c", "1", "-l", "INFO", "-n", f"{name}@here"]
    log, pid_file = broker.root / f"{name}.log", broker.root / f"{name}.pid"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *program, *more],
            cwd=broker.root,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    pid_file.write_text(f"{process.pid}\n")
    try:
        with Connection(url) as connection:
            mailbox: Any = Mailbox("celery", type="fanout", accept=["json"])(connection)
            wait_until(
                lambda: any(f"{name}@" in str(one) for one in mailbox.multi_call("ping", timeout=0.3)),
                seconds=START_SECONDS,
            )
        yield CeleryWorker(name, url, process, log, pid_file)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
