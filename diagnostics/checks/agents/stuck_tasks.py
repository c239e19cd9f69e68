"""AGT-03: whether tasks that were begun come to an end, and whether one of them kills the worker again and again.

The queue is sampled (again 4 s later where tasks are at work), and the worker's log is read for the stack's window.
Fail: `tasks.crash_loop`: a job was begun 3 times [ours] and never ended, or the worker ended 3 times with an error and
a job is in processing, and none was done since. `tasks.overdue`: 3 tasks are over their limit, or one over twice its
limit. `tasks.worker_lost`, `tasks.hard_limit`: 3 children of the worker were lost, or 3 tasks killed at their limit.
Warn: these three from the first on; `tasks.reserved_stalled` (Celery: tasks are reserved, none is begun between the
samples), `tasks.dead_growing` (the list of dead jobs is longer than at the last good look).
Pass: `tasks.get_done`. Skip: `tasks.no_reply` (no Celery worker answers; agents.workers_and_queues tells that).
A task's limit is its own `time_limit` where a Celery worker tells it, else `task_time_limit`, else `task_seconds` (900
[ours]). A job in a Redis list is as old as its time stamp, or as the line of the log that begins it, where that is
later. Thresholds: task_seconds, begun_times, tasks_fail (3). Evidence shows ids, names, ages and lines of the log,
redacted; never arguments. What it cannot see: a crash loop of a worker that writes no log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.agents_at_work import see_worker
from diagnostics.checks.base import Check
from diagnostics.checks.queue_sampled import keep_samples, limits_of, refused, take_samples
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.worker_said import WorkerSaid, keep_lines, worker_said
from diagnostics.probes.celery import Mail, TaskFacts, registered_tasks, seconds_of
from diagnostics.probes.jobs import Job
from diagnostics.probes.queue import Sample
from diagnostics.probes.redis import RedisFailure
from diagnostics.probes.worker_log import Kind, Line
from diagnostics.stack import Queue, StackConfig

TASK_SECONDS = 900.0
BEGUN_TIMES = 3.0
TASKS_FAIL = 3.0
DEAD = "dead jobs"
LEAST_ID = 6  # a shorter id may stand in a line by chance


@dataclass(frozen=True, slots=True)
class Looked:
    """Everything that was seen."""

    queue: Queue
    samples: tuple[Sample, ...]
    said: WorkerSaid
    facts: Mapping[str, TaskFacts]  # by task, from Celery's workers
    general_limit_seconds: float | None
    cited: tuple[Citation, ...]

    @property
    def last(self) -> Sample:
        """Give the later sample."""
        return self.samples[-1]

    @property
    def staying(self) -> list[Job]:
        """Give the jobs that are in processing in every sample."""
        first = {job.key for job in self.samples[0].processing}
        return [job for job in self.last.processing if job.key in first]

    def age_seconds(self, job: Job) -> float | None:
        """Give how long a job is at work: since its time, or since it was begun where that is later."""
        stamps = [line.at.timestamp() for line in self.said.begun(_id(job)) if line.at]
        times = [one for one in (job.since, *stamps[-1:]) if one is not None and one <= self.last.taken_at]
        return self.last.taken_at - max(times) if times else None


@dataclass(frozen=True, kw_only=True)
class StuckTasks(Check):
    """The tasks of the queue that [queue] names."""

    slug: ClassVar[str] = "agents.stuck_tasks"
    title: ClassVar[str] = "Tasks that were begun come to an end, and none kills the worker"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("agents.broker",)
    deadline_seconds: ClassVar[float] = 25.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a queue is described."""
        return None if stack.queue else "the stack describes no [queue]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Sample the queue, read the log, and judge both together."""
        queue = seeing.stack.queue
        assert queue is not None
        looked = _look(seeing, queue)
        findings = [
            *_loop(seeing, looked),
            *_overdue(seeing, looked),
            *_losses(seeing, looked),
            *_stalled(looked),
            *_dead(seeing, looked),
        ]
        if looked.last.workers == ():
            text = "no worker answered: what tasks are at work is not known"
            findings.append(_finding(State.SKIP, "tasks.no_reply", text, looked))
        yield from findings or [_finding(State.PASS, "tasks.get_done", _summary(looked), looked)]


def _look(seeing: Seeing, queue: Queue) -> Looked:
    samples = take_samples(seeing, queue, again=lambda first: bool(first.processing_count or first.reserved))
    worker = see_worker(seeing, queue)
    facts, general = _limits(seeing, queue) if samples[-1].processing or samples[-1].reserved else ({}, None)
    said = worker_said(seeing, queue, has_ended=worker.is_gone)
    cited = (keep_samples(seeing, queue, samples).whole(), *worker.citations)
    return Looked(queue, samples, said, facts, general, cited)


def _limits(seeing: Seeing, queue: Queue) -> tuple[dict[str, TaskFacts], float | None]:
    """Ask Celery's workers for the time limits of their tasks."""
    if queue.adapter != "celery":
        return {}, None
    password = seeing.secret(queue.password) if queue.password else None
    wanted = {"taskinfoitems": ["time_limit", "rate_limit"]}
    try:
        mail = Mail(queue=queue, limits=limits_of(seeing), password=password)
        answers = mail.asked("registered", "conf", registered=wanted)
    except RedisFailure as failure:
        raise refused(queue, failure) from None
    facts: dict[str, TaskFacts] = {}
    for answer in answers["registered"].values():
        facts |= registered_tasks(answer)
    settings = (one.get("task_time_limit") for one in answers["conf"].values() if isinstance(one, dict))
    return facts, next((seconds for one in settings if (seconds := seconds_of(one))), None)


def _loop(seeing: Seeing, looked: Looked) -> Iterator[Finding]:
    """Find a job that is taken again and again, or a worker that ends again and again with a job in its hands."""
    times = seeing.threshold("begun_times", BEGUN_TIMES, unit="")
    for job in (*looked.last.processing, *filter(None, [looked.last.oldest])):
        lines = looked.said.begun(_id(job))
        if len(lines) >= times.value:
            text = f"{job} was begun {len(lines)} times in {looked.said.minutes} min and never ended"
            yield _told(seeing, State.FAIL, "tasks.crash_loop", text, looked, lines, times)
            return
    crashes, last = looked.said.of(Kind.CRASHED), looked.said.of(Kind.CRASHED, Kind.DONE)[-1:]
    is_over = bool(last) and last[0].kind is Kind.DONE  # it has survived its jobs since
    if len(crashes) >= times.value and looked.last.processing_count and not is_over:
        job_text = f"{looked.last.processing[0]} is" if looked.last.processing else "a job is"
        words = crashes[-1].line.text[:200]
        text = f"the worker ended {len(crashes)} times, last with {words!r}, and {job_text} in processing"
        yield _told(seeing, State.FAIL, "tasks.crash_loop", text, looked, [one.line for one in crashes], times)


def _overdue(seeing: Seeing, looked: Looked) -> Iterator[Finding]:
    default = seeing.threshold("task_seconds", TASK_SECONDS, unit="s")
    most = seeing.threshold("tasks_fail", TASKS_FAIL, unit="")
    over: list[tuple[float, Job, float, Threshold]] = []
    for job in looked.staying:
        limit, age = _limit_of(job, looked, default), looked.age_seconds(job)
        if age is not None and age > limit.value:
            over.append((age / limit.value, job, age, limit))
    if not over:
        return
    ratio, job, age, limit = max(over, key=lambda one: one[0])
    state = State.FAIL if ratio > 2 or len(over) >= most.value else State.WARN
    text = f"{_tasks(len(over))} over the limit; {job} is at work for {age:.0f} s and may be for {limit.value:g} s"
    yield _finding(state, "tasks.overdue", text, looked, threshold=limit)


def _limit_of(job: Job, looked: Looked, default: Threshold) -> Threshold:
    own = looked.facts[job.name].time_limit_seconds if job.name in looked.facts else None
    seconds = own or looked.general_limit_seconds
    return Threshold("time_limit", seconds, "s", "config", "of the worker itself") if seconds else default


def _losses(seeing: Seeing, looked: Looked) -> Iterator[Finding]:
    most = seeing.threshold("tasks_fail", TASKS_FAIL, unit="")
    for kind, code in ((Kind.LOST, "tasks.worker_lost"), (Kind.TIME_LIMIT, "tasks.hard_limit")):
        found = looked.said.of(kind)
        if found:
            state = State.FAIL if len(found) >= most.value else State.WARN
            names = ", ".join(sorted({one.task for one in found} - {""}))
            text = (
                f"the worker {kind} {len(found)} time(s) in {looked.said.minutes} min{f' ({names})' if names else ''}"
            )
            yield _told(seeing, state, code, text, looked, [one.line for one in found], most)


def _stalled(looked: Looked) -> Iterator[Finding]:
    if len(looked.samples) < 2 or any(sample.processing for sample in looked.samples):
        return
    first = {job.key for job in looked.samples[0].reserved}
    kept = [job for job in looked.last.reserved if job.key in first and not _is_limited(job, looked)]
    if kept:
        text = f"{_tasks(len(kept))} reserved by a worker that begins none of them, {kept[0]} among them"
        yield _finding(State.WARN, "tasks.reserved_stalled", text, looked)


def _is_limited(job: Job, looked: Looked) -> bool:
    """Say whether a task waits because only so many of it may run in a minute."""
    return job.name in looked.facts and looked.facts[job.name].has_rate_limit


def _dead(seeing: Seeing, looked: Looked) -> Iterator[Finding]:
    now, before = looked.last.dead, seeing.baseline.last(DEAD)
    if now is None:
        return
    seeing.learn(DEAD, now)
    if before is not None and now > before:
        text = f"{now - before:g} jobs died since the last good look ({now} in {looked.queue.dead})"
        yield _finding(State.WARN, "tasks.dead_growing", text, looked)


def _summary(looked: Looked) -> str:
    parts = [f"{_tasks(looked.last.processing_count)} at work, none over its limit"]
    parts += [f"the worker's log could not be read: {looked.said.unread}"] if looked.said.unread else []
    return "; ".join(parts)


def _told(
    seeing: Seeing,
    state: State,
    code: str,
    text: str,
    looked: Looked,
    lines: Sequence[Line],
    threshold: Threshold,
) -> Finding:
    """Give a finding that the worker's own log proves."""
    cited = keep_lines(seeing, looked.queue.worker_service, lines)
    return _finding(state, code, seeing.clean(text), looked, threshold=threshold, more=cited)


def _finding(
    state: State,
    code: str,
    text: str,
    looked: Looked,
    *,
    threshold: Threshold | None = None,
    more: tuple[Citation, ...] = (),
) -> Finding:
    who = looked.queue.worker_service or looked.queue.service
    return Finding(
        state=state,
        code=code,
        message=f"{who}: {text}",
        target=who,
        measured={
            "processing": Measurement(looked.last.processing_count),
            "reserved": Measurement(len(looked.last.reserved)),
            "dead": Measurement(looked.last.dead),
            "crashes": Measurement(len(looked.said.of(Kind.CRASHED))),
        },
        threshold=threshold,
        citations=(*more, *looked.cited),
        blocks=code in {"tasks.crash_loop", "tasks.overdue"},  # what else is seen of workers follows from these
    )


def _id(job: Job) -> str:
    return job.id if len(job.id) >= LEAST_ID else ""


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"
