"""What can be seen of a worker from outside: its process by pid file, and the age of its heartbeat file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from diagnostics.checks.result import Citation, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import mode_of
from diagnostics.probes.host import described, family_of, process_of
from diagnostics.stack import Queue

HEARTBEAT_SECONDS = 30.0
MISSING = "no heartbeat"
NOT_RUNNING = ("pid_file.stale", "pid_file.reused")  # a missing pid file alone does not prove it
STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """The worker; `is_running`, `is_stopped` and `is_gone` are all False where its process is not known."""

    text: str
    heartbeat_limit: Threshold
    is_running: bool = False
    is_stopped: bool = False
    is_gone: bool = False
    is_seeable: bool = False  # the stack describes its process or its heartbeat
    heartbeat_seconds: float | None = None
    heartbeat_is_missing: bool = False
    heartbeat_text: str = ""
    citations: tuple[Citation, ...] = ()

    @property
    def heartbeat_is_stale(self) -> bool:
        """Say whether the heartbeat stands still; a missing one says so only of a worker that is not seen to run."""
        if self.heartbeat_seconds is None:
            return self.heartbeat_is_missing and not self.is_running
        return self.heartbeat_seconds > self.heartbeat_limit.value


def see_worker(seeing: Seeing, queue: Queue) -> WorkerSeen:
    """Look at the process and the heartbeat of the queue's worker service."""
    limit = seeing.threshold("heartbeat_seconds", HEARTBEAT_SECONDS, unit="s")
    seconds, heartbeat = _heartbeat(queue.heartbeat_file, limit)
    is_beating = seconds is not None and seconds <= limit.value
    process = _process(seeing, queue, is_beating=is_beating)
    lines = [line for line in (process.text, heartbeat) if line]
    evidence = seeing.keep("command", source=f"worker {queue.worker_service or '(none named)'}", content=lines)
    return WorkerSeen(
        text=process.text,
        heartbeat_limit=limit,
        is_running=process.is_running,
        is_stopped=process.is_stopped,
        is_gone=process.is_gone,
        is_seeable=_is_seeable(seeing, queue),
        heartbeat_seconds=seconds,
        heartbeat_is_missing=heartbeat.startswith(MISSING),
        heartbeat_text=heartbeat,
        citations=(evidence.whole(),),
    )


def _is_seeable(seeing: Seeing, queue: Queue) -> bool:
    service = seeing.stack.services.get(queue.worker_service or "")
    return queue.heartbeat_file is not None or (service is not None and service.pid_file is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProcessSeen:
    text: str
    is_running: bool = False
    is_stopped: bool = False
    is_gone: bool = False


def _process(seeing: Seeing, queue: Queue, *, is_beating: bool) -> _ProcessSeen:
    service = seeing.stack.services.get(queue.worker_service or "")
    if service is None or service.pid_file is None:
        return _ProcessSeen(text="no pid file names the worker's process")
    try:
        family = family_of(process_of(service.pid_file))
    except ProcessUnknown as unknown:
        is_gone = unknown.code in NOT_RUNNING or not is_beating
        return _ProcessSeen(text=seeing.clean(unknown.text), is_gone=is_gone)
    except NotPermitted as refused:
        return _ProcessSeen(text=seeing.clean(str(refused)))
    stopped = [one for one in family if _status(one) in STOPPED]
    if stopped:
        return _ProcessSeen(text=f"{described(stopped[0].pid)} is stopped (state T) and does nothing", is_stopped=True)
    return _ProcessSeen(text=f"{described(family[0].pid)} runs", is_running=True)


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.Error:
        return ""


def _heartbeat(path: Path | None, limit: Threshold) -> tuple[float | None, str]:
    """Give the age of the heartbeat file and a sentence; a time ahead of our clock counts as now."""
    if path is None:
        return None, ""
    try:
        seconds = max(time.time() - mode_of(path).st_mtime, 0.0)
    except FileUnusable as unusable:
        return None, f"{MISSING}: {unusable}"
    except NotPermitted as refused:
        return None, f"the heartbeat cannot be seen: {refused}"
    return seconds, f"the heartbeat is {seconds:.1f} s old (at most {limit.value:g} s)"
