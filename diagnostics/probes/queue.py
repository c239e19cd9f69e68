"""Probe of job queues behind one interface: plain Redis lists, or Celery on Redis. Reads only, and never shows a job.

Of a job nothing leaves this module but its id, its task's name and its times: arguments and tokens stay out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import redis

from diagnostics.probes.celery import Answers, Mail, dicts, names_of
from diagnostics.probes.jobs import Job, active_job, job_of, json_object, mapping
from diagnostics.probes.redis import Limits, RedisFailure, connected
from diagnostics.stack import Queue

MAX_ITEMS = 50  # jobs in processing that are looked at
CELERY_DEFAULT_QUEUE = "celery"
CELERY_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")  # kombu's Redis transport: a list per priority
CELERY_UNACKED = "unacked"  # kombu's hash of what was delivered and not acknowledged


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that answered, and the queues that it takes jobs from."""

    name: str
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """The queue at one moment."""

    taken_at: float  # epoch seconds
    pending: Mapping[str, int]  # by queue
    oldest: Job | None  # of the pending
    processing: tuple[Job, ...]
    processing_count: int
    reserved: tuple[Job, ...] = ()  # taken by a worker and not begun; only Celery tells
    dead: int | None = None  # None where the stack names no such list
    workers: tuple[Worker, ...] | None = None  # None where workers cannot be asked

    @property
    def total(self) -> int:
        """Give how many jobs wait in all queues."""
        return sum(self.pending.values())

    @property
    def waiting_seconds(self) -> float | None:
        """Give how long the oldest pending job has waited, None where its message does not tell."""
        return self.oldest.age_seconds(self.taken_at) if self.oldest else None

    @property
    def processing_seconds(self) -> float | None:
        """Give the age of the oldest job in processing, None where nothing tells."""
        ages = [age for job in self.processing if (age := job.age_seconds(self.taken_at)) is not None]
        return max(ages, default=None)

    def has_moved_since(self, earlier: Sample) -> bool:
        """Say whether anything was taken, finished or begun between the two."""
        oldest = (earlier.oldest.key if earlier.oldest else "", self.oldest.key if self.oldest else "")
        keys = [{job.key for job in one.processing} for one in (earlier, self)]
        return self.total < earlier.total or oldest[0] != oldest[1] or keys[0] != keys[1]


class QueueAdapter(Protocol):
    """How a stack's queue is looked at."""

    def sample(self) -> Sample:
        """Look once. Raises: RedisFailure."""

    def waiting(self) -> tuple[Job, ...]:
        """Give the jobs that wait, no more than `MAX_ITEMS` of each queue. Raises: RedisFailure."""


def adapter_for(queue: Queue, *, password: str | None, limits: Limits) -> QueueAdapter:
    """Give the adapter that the stack names."""
    kind = {"redis-list": RedisLists, "celery": CeleryOnRedis}[queue.adapter]
    return kind(queue=queue, password=password, limits=limits)


@dataclass(frozen=True, kw_only=True)
class RedisLists:
    """Jobs as JSON texts in Redis lists, moved to a processing list while they run."""

    queue: Queue
    limits: Limits
    password: str | None = field(default=None, repr=False)

    def sample(self) -> Sample:
        """Look once. Raises: RedisFailure."""
        queue = self.queue
        with self._client() as client:
            pending = {name: _length(client, name) for name in queue.pending}
            processing_count = _length(client, queue.processing) if queue.processing else 0
            dead = _length(client, queue.dead) if queue.dead else None
        return Sample(
            taken_at=time.time(),
            pending=pending,
            oldest=_oldest(job for name in queue.pending for job in self._ends_of(name)),
            processing=self._processing(),
            processing_count=processing_count,
            dead=dead,
        )

    def waiting(self) -> tuple[Job, ...]:
        """Give the jobs that wait. Raises: RedisFailure."""
        return tuple(job for name in self._names() for job in self._first_of(name))

    def _names(self) -> tuple[str, ...]:
        return self.queue.pending

    def _processing(self) -> tuple[Job, ...]:
        return self._first_of(self.queue.processing) if self.queue.processing else ()

    def _first_of(self, name: str) -> tuple[Job, ...]:
        return self._jobs(lambda client: client.lrange(name, 0, MAX_ITEMS - 1))

    def _ends_of(self, name: str) -> tuple[Job, ...]:
        """Give the first and the last message: which is older depends on the end that the application pushes to."""
        return self._jobs(lambda client: [client.lindex(name, 0), client.lindex(name, -1)])

    def _jobs(self, read: Callable[[redis.Redis], Any]) -> tuple[Job, ...]:
        """Read messages over a connection of their own, as one too large to read spends it; that gives none."""
        try:
            with self._client() as client:
                messages = [one for one in read(client) if isinstance(one, bytes)]
        except RedisFailure as failure:
            if failure.code == "redis.too_much":
                return ()
            raise
        return tuple(self._job(message) for message in messages)

    def _job(self, message: bytes) -> Job:
        return job_of(message, json_object(message), timestamp_field=self.queue.timestamp_field)

    def _client(self) -> Any:
        return connected(self.queue, password=self.password, limits=self.limits)


@dataclass(frozen=True, kw_only=True)
class CeleryOnRedis(RedisLists):
    """Celery's queues on a Redis broker, and what its workers answer."""

    def sample(self) -> Sample:
        """Look once. Raises: RedisFailure."""
        names = self._names()
        with self._client() as client:
            pending = {name: sum(_length(client, name + one) for one in CELERY_PRIORITIES) for name in names}
            unacked = client.hlen(CELERY_UNACKED)
        workers, processing, reserved = self._asked()
        return Sample(
            taken_at=time.time(),
            pending=pending,
            oldest=_oldest(job for name in names for job in self._ends_of(name)),
            processing=processing,
            processing_count=max(int(cast("int", unacked)), len(processing)),
            reserved=reserved,
            workers=workers,
        )

    def _names(self) -> tuple[str, ...]:
        return self.queue.pending or (CELERY_DEFAULT_QUEUE,)

    def _job(self, message: bytes) -> Job:
        envelope = json_object(message)
        fields = {**mapping(envelope.get("properties")), **mapping(envelope.get("headers"))}
        return job_of(message, fields, timestamp_field=self.queue.timestamp_field)

    def _asked(self) -> tuple[tuple[Worker, ...], tuple[Job, ...], tuple[Job, ...]]:
        mail = Mail(queue=self.queue, limits=self.limits, password=self.password)
        answers = mail.asked("active_queues", "active", "reserved")
        names = sorted(answers["ping"])
        workers = tuple(Worker(name, names_of(answers["active_queues"].get(name))) for name in names)
        return workers, _jobs_of(answers["active"], names), _jobs_of(answers["reserved"], names)


def _jobs_of(answers: Answers, names: list[str]) -> tuple[Job, ...]:
    return tuple(active_job(one) for name in names for one in dicts(answers.get(name))[:MAX_ITEMS])


def _length(client: redis.Redis, name: str) -> int:
    return int(client.llen(name))


def _oldest(jobs: Iterator[Job]) -> Job | None:
    """Give the job with the earliest time; without times the last one, where most queues are taken from."""
    known = list(jobs)
    timed = [job for job in known if job.since is not None]
    if timed:
        return min(timed, key=lambda job: job.since or 0.0)
    return known[-1] if known else None
