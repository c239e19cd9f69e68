"""Messages that are doubled, lost, given again or cut off start each execution once; the effect is counted."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import redis
from django.db import connection
from django.utils import timezone

from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.models import Execution
from awe_incidents.recovery.operations import sweeping
from diagnostics import queue
from tests.audit import rows
from tests.recovery.conftest import SEED, World, end_of, in_letters
from tests.recovery.test_executing import execute

pytestmark = pytest.mark.django_db(transaction=True)
STARTS = int(os.environ.get("AWE_RECOVERY_STARTS", "100"))
MESSAGES = (0, 0, 1, 1, 2, 3, 5)  # of one execution: lost, as it should be, doubled
AT_ONCE = 8
STARTED_SECONDS = 15.0
ACTION_SECONDS = 60.0  # every 10 s a worker gives back what was not acknowledged within the second that it has


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.flushdb()
        yield client
        client.flushdb()


def deliver(execution: Execution) -> None:
    try:
        execute(execution)
    finally:
        connection.close()


@pytest.mark.recovery_fault("message doubled", counted="lines that each of 100 (nightly 1,000) targets got")
@pytest.mark.recovery_fault("message lost", counted="lines that each of 100 (nightly 1,000) targets got")
def test_doubled_and_lost_messages_start_each_once(
    world: World, signed_trail: None, rings: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"AWE_RECOVERY_SEED={SEED}")
    chance = random.Random(SEED)
    waiting = {one.pk: one for one in (world.queued(file=in_letters(n), target=f"service-{n}") for n in range(STARTS))}
    messages = [one for one in waiting.values() for _ in range(chance.choice(MESSAGES))]
    chance.shuffle(messages)
    monkeypatch.setattr(sweeping, "RING_AGAIN_SECONDS", 0)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(deliver, messages))
        while Execution.objects.filter(state="queued").exists():
            rings.clear()
            operations.sweep_recovery(at=timezone.now())
            list(pool.map(deliver, [waiting[pk] for _, _, pk in rings for _ in range(2)]))
    written = [world.lines(in_letters(number)) for number in range(STARTS)]
    assert ([len(lines) for lines in written], SEED) == ([1] * STARTS, SEED)
    assert {end_of(one) for one in waiting.values()} == {("succeeded", "whole", "done")}
    assert Entry.objects.filter(verb="execution:started").count() == STARTS


@pytest.mark.recovery_fault("message lost", counted="seconds until it started; lines that the target got")
@pytest.mark.recovery_fault("message given again", counted="lines that the target got; claims in the trail")
def test_a_lost_message_a_short_visibility_and_a_broker_that_is_cut_off_start_it_once(
    world: World, signed_trail: None, broker: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = rows.start("-m", "tests.recovery.working", env=rows.environment(rows.APPLICATION))
    try:
        wait_until_it_listens(broker)
        execution = world.queued(mood="slow")  # its message goes nowhere
        broker.flushall()
        monkeypatch.setattr(queue._bell, "ring_in", partial(type(queue._bell).ring_in, queue._bell))  # the real one
        monkeypatch.setattr(queue._bell, "silent_until", 0.0)
        lost_at = time.monotonic()
        while not execution.steps.filter(state="started").exists():
            assert time.monotonic() - lost_at < STARTED_SECONDS
            operations.sweep_recovery(at=timezone.now())
            time.sleep(0.5)
        print(f"lost to started: {time.monotonic() - lost_at:.1f} s")
        assert broker.hlen("unacked") == 0  # acknowledged before anything happened: nothing is given again
        broker.client_kill_filter(_type="normal", skipme=True)
        ends_at = time.monotonic() + ACTION_SECONDS
        while time.monotonic() < ends_at:
            queue.ring("recovery.execute_request", to="recovery", execution_id=execution.pk)
            time.sleep(1)
        (world.root / "target.go").touch()
        while end_of(execution)[0] in {"running", "verifying"}:
            assert time.monotonic() < ends_at + 30
            time.sleep(0.1)
    finally:
        worker.terminate()
        said, _ = worker.communicate(timeout=30)
    assert end_of(execution) == ("succeeded", "whole", "done"), said[-3000:]
    assert len(world.lines()) == 1
    assert Entry.objects.filter(verb="execution:claimed").count() == 1
    assert said.count("not mine") >= ACTION_SECONDS / 2, said[-3000:]  # the doubled ones came, and found it taken


def wait_until_it_listens(broker: redis.Redis) -> None:
    ends_at = time.monotonic() + 60
    while not any(one["cmd"] == "brpop" for one in broker.client_list()):
        assert time.monotonic() < ends_at
        time.sleep(0.2)
