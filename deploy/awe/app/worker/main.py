"""The worker's loop: `python -m worker.main` takes jobs from Redis at least once and runs them one by one."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from types import FrameType

import redis

from shared import config, log, queue
from shared.errors import ApplicationError
from worker import heartbeat, presence
from worker.running import run

logger = logging.getLogger("worker")

WAIT_SECONDS = 5  # for a job, in one call; the socket's time-out lies well above
SOCKET_TIMEOUT_SECONDS = 15
RECONNECT_SECONDS = 2


def work() -> None:
    """Requeue what an earlier worker left unfinished, then take jobs for ever."""
    has_requeued = False
    while True:
        try:
            if not has_requeued:
                _requeue()
                has_requeued = True
            raw = _take()
        except redis.RedisError as error:
            logger.error("redis unavailable: %s", log.one_line(error))
            time.sleep(RECONNECT_SECONDS)
            continue
        if raw is not None:
            _run(raw)


def _requeue() -> None:
    while _client().lmove(queue.PROCESSING, queue.WAITING, "RIGHT", "LEFT") is not None:
        logger.info("requeued unfinished job")


def _take() -> str | None:
    taken = _client().blmove(queue.WAITING, queue.PROCESSING, WAIT_SECONDS, "RIGHT", "LEFT")
    return None if taken is None else str(taken)


def _run(raw: str) -> None:
    try:
        run(raw)
        _client().lrem(queue.PROCESSING, 1, raw)
    except redis.RedisError as error:  # the job stays in `processing` and is requeued at the next start
        logger.error("redis unavailable: %s", log.one_line(error))


def _end(number: int, frame: FrameType | None) -> None:
    """End at once: a job may last for ever, and unfinished ones are requeued at the next start."""
    config.current().pid_file.unlink(missing_ok=True)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(signal.Signals(number))


def _client() -> redis.Redis:
    return queue.client(timeout_seconds=SOCKET_TIMEOUT_SECONDS)


def main() -> None:
    """Run the program; what keeps it from starting is one line and exit code 1."""
    log.configure()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        settings = config.current()
    except ApplicationError as error:
        sys.exit(f"worker cannot start: {log.one_line(error)}")
    for path in (settings.pid_file, settings.heartbeat_file):
        path.parent.mkdir(parents=True, exist_ok=True)
    settings.pid_file.write_text(f"{os.getpid()}\n")
    heartbeat.start(settings.heartbeat_file)
    presence.start(settings.agent_name)
    logger.info("worker started pid=%d queue=%s", os.getpid(), queue.WAITING)
    work()


if __name__ == "__main__":
    main()
