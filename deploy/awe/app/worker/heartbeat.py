"""The worker's heartbeat: a file touched by a thread, so a job that never ends does not stop it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

INTERVAL_SECONDS = 2


def start(path: Path) -> None:
    """Begin to touch the file, until the process ends."""
    threading.Thread(target=_beat, args=(path,), name="heartbeat", daemon=True).start()


def _beat(path: Path) -> None:
    while True:
        path.touch()
        time.sleep(INTERVAL_SECONDS)
