"""Sample a stack's queue once or twice, with its waits bounded, and put what was seen into evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from diagnostics.checks.result import Evidence
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.queue import Sample, adapter_for
from diagnostics.probes.redis import Limits, RedisFailure
from diagnostics.stack import Queue

CONNECT_SECONDS = 3.0
SAMPLE_SECONDS = 5.0
GAP_SECONDS = 4.0
MAX_GAP_SECONDS = 8.0
SHOWN_JOBS = 10


def take_samples(seeing: Seeing, queue: Queue, *, again: Callable[[Sample], bool]) -> tuple[Sample, ...]:
    """Sample, and where `again` says so of the first sample, a second time `sample_gap_seconds` later.

    Raises: CouldNotLook (codes queue.not_a_list and those of probes/redis.py).
    """
    password = seeing.secret(queue.password) if queue.password else None
    gap = min(seeing.threshold("sample_gap_seconds", GAP_SECONDS, unit="s").value, MAX_GAP_SECONDS)
    try:
        first = adapter_for(queue, password=password, limits=limits_of(seeing)).sample()
        if not again(first):
            return (first,)
        time.sleep(seeing.seconds_left(at_most=gap))
        return first, adapter_for(queue, password=password, limits=limits_of(seeing)).sample()
    except RedisFailure as failure:
        raise refused(queue, failure) from None


def refused(queue: Queue, failure: RedisFailure) -> CouldNotLook:
    """Say why a queue could not be looked at."""
    if failure.code == "redis.wrong_type":
        text = "a name of [queue] is no list in Redis: the stack's description does not fit its queue"
        return CouldNotLook(text, code="queue.not_a_list", target=queue.service)
    return CouldNotLook(failure.text, code=failure.code, target=f"{queue.host}:{queue.port}")


def limits_of(seeing: Seeing) -> Limits:
    """Give what one look at a queue may take."""
    left = seeing.seconds_left(at_most=SAMPLE_SECONDS)
    return Limits(connect_seconds=min(left, CONNECT_SECONDS), ends_at=time.monotonic() + left)


def keep_samples(seeing: Seeing, queue: Queue, samples: tuple[Sample, ...]) -> Evidence:
    """Keep counts, ids, task names and times; never arguments or tokens."""
    lines = [line for number, sample in enumerate(samples, start=1) for line in _lines(number, sample)]
    return seeing.keep("query_result", source=f"{queue.adapter} queue at {queue.host}:{queue.port}", content=lines)


def _lines(number: int, sample: Sample) -> Iterator[str]:
    pending = ", ".join(f"{name} {count}" for name, count in sample.pending.items())
    waiting = "" if sample.waiting_seconds is None else f"; the oldest waits {sample.waiting_seconds:.1f} s"
    dead = "" if sample.dead is None else f"; dead {sample.dead}"
    yield f"sample {number}: pending {pending}{waiting}; in processing {sample.processing_count}{dead}"
    for job in sample.processing[:SHOWN_JOBS]:
        age = job.age_seconds(sample.taken_at)
        yield f"  in processing: {job}" + ("" if age is None else f", {age:.1f} s old")
    for job in sample.reserved[:SHOWN_JOBS]:
        yield f"  reserved: {job}"
    for worker in sample.workers or ():
        yield f"  worker {worker.name} takes from {', '.join(worker.queues) or 'no queue'}"
    if sample.workers == ():
        yield "  no worker answered"
