"""`make demo`: break the reference stack, file a bug report over HTTP, watch the diagnosis."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from awe_incidents.local.demonstration.running import running_service
from awe_incidents.local.demonstration.screen import console, step
from awe_incidents.local.demonstration.story import command, prepare_stack, tell


def show(*, folder: Path, stays: bool) -> bool:
    """Tell the whole story; stay up for a look where asked. Says whether it ended as expected.

    Raises: DemoFailed.
    """
    root = folder / "demo" / "awe"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThreadPoolExecutor(1) as pool:
        # The reference stack needs nothing of the service: both start at once.
        starting: Future[None] = pool.submit(prepare_stack, root, dict(os.environ))
        try:
            with contextlib.ExitStack() as running:
                with step("PostgreSQL, Redis, web, worker, sweeper, scheduler and trail are up"):
                    service = running.enter_context(running_service(folder))
                with step("The reference stack (api, worker, PostgreSQL, Redis) is up and healthy"):
                    starting.result()
                as_expected = tell(url=service.url, root=root, environment=service.environment)
                if stays:
                    _stay()
                return as_expected
        finally:
            with contextlib.suppress(Exception):
                starting.result()
            if root.exists():
                command("-m", "deploy.awe", "down", "--root", str(root), environment=os.environ)


def _stay() -> None:
    console.print("\nEverything stays up for a look. Ctrl-C stops it.")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
    console.print("Stopping ...")
