"""AGT-02: whether somebody takes jobs from the stack's queue, and whether they get on.

The queue is sampled; where jobs wait or are in processing, again `sample_gap_seconds` (4 s [ours]) later. The worker is
looked at by its service's pid file, its heartbeat file, and with Celery by what workers answer.
Fail: `queue.stuck`: a worker is there and does not get on. Either its process is stopped (state T), or jobs wait and
nothing was taken, finished or begun between the samples, while the oldest has waited longer than `stall_seconds` (60 s
[ours]; of a queue whose messages bear no time the job in processing is taken instead) or the heartbeat stands still.
`queue.no_worker`: no process, no reply to Celery's ping, or nobody who takes from a queue in which jobs wait.
`queue.heartbeat_stale`: the process lives, its heartbeat is older than `heartbeat_seconds` (30 s [ours]).
Warn: `queue.no_progress` (as stuck, but nobody has waited that long yet), `queue.backlog` (jobs get done, but the
oldest has waited longer than `backlog_seconds`, 60 s [ours], and there are more of them), `queue.heartbeat_missing`,
`queue.unattended` (a job stays in processing, and nobody is seen who works on it: neither a process nor a heartbeat
that beats between the samples; where the stack describes neither, only of a job older than `stall_seconds`).
Pass: `queue.idle`, `queue.moving`. Evidence shows counts, ids, task names and times of jobs, never arguments or tokens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.agents_at_work import WorkerSeen, see_worker
from diagnostics.checks.base import Check
from diagnostics.checks.queue_sampled import keep_samples, take_samples
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.queue import Sample
from diagnostics.stack import Queue, StackConfig

STALL_SECONDS = 60.0
BACKLOG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The queue once or twice, the worker, and the evidence of both."""

    samples: tuple[Sample, ...]
    worker: WorkerSeen
    evidence: Evidence

    @property
    def last(self) -> Sample:
        """Give the later sample."""
        return self.samples[-1]

    @property
    def has_moved(self) -> bool:
        """Say whether anything moved between the samples, where two were taken."""
        return len(self.samples) > 1 and self.samples[1].has_moved_since(self.samples[0])

    @property
    def is_waiting(self) -> bool:
        """Say whether jobs waited in every sample."""
        return all(sample.total for sample in self.samples)

    @property
    def unattended(self) -> int:
        """Count the jobs that stay in processing while nobody is seen who could work on them."""
        if self.worker.is_running or self.last.workers or len(self.samples) < 2 or self.has_moved:
            return 0
        beat = self.worker.heartbeat_seconds
        has_beaten = beat is not None and beat < time.time() - self.samples[0].taken_at
        return 0 if has_beaten else self.last.processing_count

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Cite the samples and what was seen of the worker."""
        return (self.evidence.whole(), *self.worker.citations)


@dataclass(frozen=True, kw_only=True)
class WorkersAndQueues(Check):
    """The queue and the worker service that [queue] names."""

    slug: ClassVar[str] = "agents.workers_and_queues"
    title: ClassVar[str] = "Workers take jobs from the queue and get on"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("database.redis", "agents.broker", "agents.stuck_tasks")
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a queue is described."""
        return None if stack.queue else "the stack describes no [queue]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Sample the queue, look at the worker, and judge both together."""
        queue = seeing.stack.queue
        assert queue is not None
        samples = take_samples(seeing, queue, again=_is_busy)
        seen = Seen(samples, see_worker(seeing, queue), keep_samples(seeing, queue, samples))
        findings = list(_worker_faults(seen, queue)) or list(_queue_faults(seeing, seen, queue))
        yield from findings or [_getting_on(seen, queue)]


def _is_busy(first: Sample) -> bool:
    return bool(first.total or (first.processing_count and not first.workers))


def _worker_faults(seen: Seen, queue: Queue) -> Iterator[Finding]:
    """Find what is wrong with the worker itself; the state of the queue then follows from it."""
    worker, last = seen.worker, seen.last
    waiting = _left(last)
    if worker.is_stopped:
        yield _fail("queue.stuck", f"{worker.text}{waiting}", seen, queue)
    elif worker.is_gone or last.workers == ():
        text = worker.text if worker.is_gone else "no worker answered, though the broker did"
        yield _fail("queue.no_worker", f"{text}{waiting}", seen, queue)
    elif worker.heartbeat_is_stale and seen.is_waiting and not seen.has_moved:
        text = f"{worker.heartbeat_text}, and {_jobs(last.total)} wait without any getting done"
        yield _fail("queue.stuck", text, seen, queue)
    elif worker.heartbeat_is_stale:
        code = "queue.heartbeat_stale" if worker.is_running else "queue.no_worker"
        yield _fail(code, f"{worker.heartbeat_text}{waiting}", seen, queue, threshold=worker.heartbeat_limit)


def _left(last: Sample) -> str:
    """Say what is left to do, for a worker that does nothing of it."""
    parts = [f"{_jobs(last.total)} wait"] if last.total else []
    parts += [f"{_jobs(last.processing_count)} in processing"] if last.processing_count else []
    return f"; {', '.join(parts)}" if parts else ""


def _queue_faults(seeing: Seeing, seen: Seen, queue: Queue) -> Iterator[Finding]:
    last = seen.last
    untaken = [name for name in last.pending if last.pending[name] and _takers(last, name) == 0]
    if untaken:
        yield _fail("queue.no_worker", f"no worker takes from {', '.join(untaken)}, where jobs wait", seen, queue)
    elif seen.is_waiting and not seen.has_moved:
        yield _not_moving(seeing, seen, queue)
    elif seen.is_waiting and last.total > seen.samples[0].total:
        limit = seeing.threshold("backlog_seconds", BACKLOG_SECONDS, unit="s")
        if (last.waiting_seconds or 0) > limit.value:
            text = f"{_jobs(last.total)} wait, more than before, the oldest for {last.waiting_seconds:.0f} s"
            yield _finding(State.WARN, "queue.backlog", text, seen, queue, threshold=limit)
    elif seen.unattended:
        yield from _unattended(seeing, seen, queue)
    if seen.worker.heartbeat_is_missing:
        yield _finding(State.WARN, "queue.heartbeat_missing", seen.worker.heartbeat_text, seen, queue)


def _unattended(seeing: Seeing, seen: Seen, queue: Queue) -> Iterator[Finding]:
    """Tell of jobs that nobody is seen to work on; where no worker could be seen, long ones only."""
    limit, age = seeing.threshold("stall_seconds", STALL_SECONDS, unit="s"), seen.last.processing_seconds
    if seen.worker.is_seeable or (age is not None and age > limit.value):
        text = f"{_jobs(seen.unattended)} in processing, and nobody is seen who works on it: {seen.worker.text}"
        yield _finding(State.WARN, "queue.unattended", text, seen, queue, threshold=limit)


def _takers(sample: Sample, name: str) -> int | None:
    return None if sample.workers is None else sum(name in worker.queues for worker in sample.workers)


def _not_moving(seeing: Seeing, seen: Seen, queue: Queue) -> Finding:
    last, limit = seen.last, seeing.threshold("stall_seconds", STALL_SECONDS, unit="s")
    waited = last.waiting_seconds if last.waiting_seconds is not None else last.processing_seconds
    gap = last.taken_at - seen.samples[0].taken_at
    busy = f" while {last.processing[0]} stays in processing" if last.processing else ""
    text = f"{_jobs(last.total)} wait and none got done in {gap:.0f} s{busy}"
    if waited is not None and waited > limit.value:
        return _fail("queue.stuck", f"{text}; the oldest for {waited:.0f} s", seen, queue, threshold=limit)
    return _finding(State.WARN, "queue.no_progress", text, seen, queue, threshold=limit)


def _getting_on(seen: Seen, queue: Queue) -> Finding:
    code = "queue.moving" if seen.is_waiting else "queue.idle"
    text = f"{_jobs(seen.last.total)} wait and jobs get done" if seen.is_waiting else f"no job waits{_busy(seen.last)}"
    return _finding(State.PASS, code, f"{text}; {seen.worker.text}", seen, queue)


def _busy(last: Sample) -> str:
    return f", {_jobs(last.processing_count)} in processing" if last.processing_count else ""


def _fail(code: str, text: str, seen: Seen, queue: Queue, *, threshold: Threshold | None = None) -> Finding:
    return _finding(State.FAIL, code, text, seen, queue, threshold=threshold)


def _finding(
    state: State, code: str, text: str, seen: Seen, queue: Queue, *, threshold: Threshold | None = None
) -> Finding:
    last = seen.last
    return Finding(
        state=state,
        code=code,
        message=f"{queue.worker_service or queue.service}: {text}",
        target=queue.worker_service or queue.service,
        measured={
            "pending": Measurement(last.total),
            "processing": Measurement(last.processing_count),
            "dead": Measurement(last.dead),
            "oldest_waits": Measurement(_rounded(last.waiting_seconds), "s"),
            "heartbeat": Measurement(_rounded(seen.worker.heartbeat_seconds), "s"),
        },
        threshold=threshold,
        citations=seen.citations,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _jobs(count: int) -> str:
    return f"{count} job{'' if count == 1 else 's'}"
