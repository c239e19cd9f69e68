"""AGT-04: whether workers know the tasks that are sent to them, and those of one queue all the same ones.

Celery's workers are asked (`registered`, `active_queues`); the worker's log is read for the stack's window; and the
jobs that wait are looked at by name. Exact, no threshold.
Fail: `registered.refused` (the log says "Received unregistered task of type ...", or "unknown tool ..." of a worker
of its own kind), `registered.differs` (workers that take from the same queue know different tasks, so that it depends
on chance whether a task is done: usually an old image beside a new one), `registered.missing` (no worker knows a task
of `[queue] expected_tasks`). Warn: `registered.unexpected` (a job waits whose name no worker knows, or, where workers
cannot be asked, is not among `expected_tasks`). Pass: `registered.known`. Skip: `registered.no_reply`.
With lists in Redis workers cannot be asked what they know: then the log and the waiting jobs decide, and a stack of
processes that names neither the worker's log_files nor expected_tasks has nothing to look at (containers always have a
log). A worker that ends itself over an unknown tool is told by agents.stuck_tasks, which this check requires.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.queue_sampled import limits_of, refused
from diagnostics.checks.result import Citation, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.worker_said import WorkerSaid, keep_lines, worker_said
from diagnostics.probes.celery import Mail, names_of, registered_tasks
from diagnostics.probes.jobs import Job
from diagnostics.probes.queue import adapter_for
from diagnostics.probes.redis import RedisFailure
from diagnostics.probes.worker_log import Kind
from diagnostics.stack import Queue, StackConfig

SHOWN_TASKS = 20
BUILT_IN = "celery."  # every worker knows these, and names them to nobody


@dataclass(frozen=True, slots=True)
class Worker:
    """A Celery worker, what it takes from, and the tasks that it knows."""

    name: str
    queues: frozenset[str]
    tasks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Looked:
    """Everything that was seen; `workers` is None where they cannot be asked."""

    queue: Queue
    workers: tuple[Worker, ...] | None
    waiting: tuple[Job, ...]
    said: WorkerSaid
    cited: Citation

    @property
    def known(self) -> frozenset[str]:
        """Give every task that some worker knows, or that is expected where workers cannot be asked."""
        if self.workers is None:
            return frozenset(self.queue.expected_tasks)
        return frozenset(task for worker in self.workers for task in worker.tasks)


@dataclass(frozen=True, kw_only=True)
class RegisteredTasks(Check):
    """The workers of the queue that [queue] names."""

    slug: ClassVar[str] = "agents.registered_tasks"
    title: ClassVar[str] = "Workers know the tasks that are sent to them"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("agents.broker", "agents.stuck_tasks")
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply where workers can be asked, or their log or the expected tasks are named."""
        queue = stack.queue
        if queue is None:
            return "the stack describes no [queue]"
        worker = stack.services.get(queue.worker_service or "")
        has_log = worker is not None and (worker.log_files or stack.vantage == "container")
        if queue.adapter == "celery" or queue.expected_tasks or has_log:
            return None
        return "the stack names neither log_files of its worker nor expected_tasks"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask the workers, read the log, look at what waits."""
        queue = seeing.stack.queue
        assert queue is not None
        looked = _look(seeing, queue)
        findings = [*_refused(seeing, looked), *_missing(looked), *_differing(looked), *_unexpected(looked)]
        if looked.workers == ():
            text = "no worker answered: which tasks they know is not known"
            findings.append(_finding(State.SKIP, "registered.no_reply", text, looked))
        yield from findings or [_finding(State.PASS, "registered.known", _summary(looked), looked)]


def _look(seeing: Seeing, queue: Queue) -> Looked:
    password = seeing.secret(queue.password) if queue.password else None
    try:
        waiting = adapter_for(queue, password=password, limits=limits_of(seeing)).waiting()
        workers = None
        if queue.adapter == "celery":
            mail = Mail(queue=queue, limits=limits_of(seeing), password=password)
            workers = tuple(_workers(mail.asked("registered", "active_queues")))
    except RedisFailure as failure:
        raise refused(queue, failure) from None
    lines = [_line(one) for one in workers or ()] or [f"expected: {_named(queue.expected_tasks)}"]
    lines += [f"waits: {job}" for job in waiting[:SHOWN_TASKS]]
    evidence = seeing.keep("query_result", source=f"tasks that the workers of {queue.service} know", content=lines)
    return Looked(queue, workers, waiting, worker_said(seeing, queue), evidence.whole())


def _workers(answers: Mapping[str, Mapping[str, object]]) -> Iterator[Worker]:
    for name in sorted(answers["ping"]):
        queues = frozenset(names_of(answers["active_queues"].get(name)))
        yield Worker(name, queues, frozenset(registered_tasks(answers["registered"].get(name))))


def _refused(seeing: Seeing, looked: Looked) -> Iterator[Finding]:
    found = looked.said.of(Kind.UNKNOWN)
    if found:
        names = _named(sorted({one.task for one in found}))
        text = f"refused {len(found)} task(s) that it does not know in {looked.said.minutes} min: {names}"
        cited = keep_lines(seeing, looked.queue.worker_service, [one.line for one in found])
        yield _finding(State.FAIL, "registered.refused", seeing.clean(text), looked, more=cited)


def _missing(looked: Looked) -> Iterator[Finding]:
    missing = set(looked.queue.expected_tasks) - looked.known if looked.workers else set()
    if missing:
        text = f"no worker knows {_named(sorted(missing))}"
        yield _finding(State.FAIL, "registered.missing", text, looked)


def _differing(looked: Looked) -> Iterator[Finding]:
    """Compare the workers that take from the same queue; one pair that differs is enough to tell."""
    for pair in combinations(looked.workers or (), 2):
        shared, differing = pair[0].queues & pair[1].queues, pair[0].tasks ^ pair[1].tasks
        if shared and differing:
            owned = [(worker.name, sorted(worker.tasks & differing)) for worker in pair]
            said = " and ".join(f"{name} alone knows {_named(tasks)}" for name, tasks in owned if tasks)
            yield _finding(State.FAIL, "registered.differs", f"of {_named(sorted(shared))}: {said}", looked)
            return


def _unexpected(looked: Looked) -> Iterator[Finding]:
    names = {job.name for job in looked.waiting if job.name and not job.name.startswith(BUILT_IN)}
    strangers = sorted(names - looked.known)
    if strangers and looked.known:
        text = f"a job waits that no worker is known to know: {_named(strangers)}"
        yield _finding(State.WARN, "registered.unexpected", text, looked)


def _line(worker: Worker) -> str:
    return f"{worker.name} takes from {_named(sorted(worker.queues))} and knows {_named(sorted(worker.tasks))}"


def _summary(looked: Looked) -> str:
    if looked.workers:
        return f"{len(looked.workers)} worker(s) know {len(looked.known)} task(s), and none was refused"
    unread = f"; its log could not be read: {looked.said.unread}" if looked.said.unread else ""
    return f"no task was refused in {looked.said.minutes} min{unread}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_TASKS} more" if len(names) > SHOWN_TASKS else ""
    return (", ".join(names[:SHOWN_TASKS]) or "nothing") + more


def _finding(state: State, code: str, text: str, looked: Looked, *, more: tuple[Citation, ...] = ()) -> Finding:
    who = looked.queue.worker_service or looked.queue.service
    return Finding(
        state=state,
        code=code,
        message=f"{who}: {text}",
        target=who,
        measured={
            "workers": Measurement(None if looked.workers is None else len(looked.workers)),
            "known_tasks": Measurement(len(looked.known)),
            "refused": Measurement(len(looked.said.of(Kind.UNKNOWN))),
        },
        citations=(*more, looked.cited),
    )
