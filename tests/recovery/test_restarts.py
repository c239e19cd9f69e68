"""PostgreSQL and Redis are really restarted while an action is in its effect, which is counted at the target."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis
from django.db import connection
from django.utils import timezone

from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import NotClaimed
from awe_incidents.recovery.models import Execution
from diagnostics import queue
from tests.audit import rows
from tests.recovery.conftest import World, end_of
from tests.recovery.servers import Servers
from tests.recovery.test_lost_workers import wait_for_step, wait_until
from tests.recovery.test_messages import wait_until_it_listens

pytestmark = pytest.mark.django_db(transaction=True)
LEASE_SECONDS = 5.0
ENDED = {"succeeded", "verify_failed", "failed", "cancelled", "expired", "invalidated", "not_started"}


@pytest.fixture(scope="module")
def servers(django_db_setup: None, django_db_blocker: Any) -> Iterator[Servers]:
    made = Servers()
    try:
        with django_db_blocker.unblock():
            made.migrate()
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def in_use(servers: Servers, transactional_db: None) -> Iterator[None]:
    with servers.in_use():
        yield
        servers.empty()


@pytest.fixture(scope="module")
def worker(servers: Servers) -> Iterator[None]:
    """One worker for all restarts, with the pool of connections that it has in a deployment."""
    environment = {**os.environ, **servers.addresses, "AWE_DB_POOL": "12"}
    arguments = [sys.executable, "-m", "tests.recovery.working", str(LEASE_SECONDS)]
    with (servers.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(arguments, env=environment, cwd=rows.ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def bell(worker: None, in_use: None, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ring for real, for a worker that listens."""
    monkeypatch.setattr(queue._bell, "ring_in", partial(type(queue._bell).ring_in, queue._bell))
    monkeypatch.setattr(queue._bell, "silent_until", 0.0)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as broker:
        wait_until_it_listens(broker)


def sweep_until_ended(execution: Execution, *, seconds: float = 60) -> None:
    ends_at = time.monotonic() + seconds
    while end_of(execution)[0] not in ENDED:
        assert time.monotonic() < ends_at, execution.state
        operations.sweep_recovery(at=timezone.now())
        time.sleep(0.2)


def claims(execution: Execution) -> int:
    marked = f'"execution":{execution.pk},'.encode()
    entries = Entry.objects.filter(verb="execution:claimed")
    return sum(marked in bytes(entry.body) for entry in entries)


@pytest.mark.parametrize(
    ("by", "mood", "lines", "end", "effects"),
    [
        (signal.SIGKILL, "slow", 3, ("not_started", "none", "done"), 0),  # before its first effect
        (signal.SIGKILL, "lingers", 3, ("failed", "partial", "done"), 1),  # in the first of three
        (signal.SIGKILL, "lingers", 1, ("succeeded", "whole", "done"), 1),  # in its only one
        (signal.SIGINT, "lingers", 1, ("succeeded", "whole", "done"), 1),
    ],
)
@pytest.mark.recovery_fault("PostgreSQL restarted", counted="lines that the target got; claims in the trail")
def test_postgres_restarted_in_a_step_leaves_what_a_look_finds_and_nothing_starts_twice(
    world: World,
    signed_trail: None,
    servers: Servers,
    bell: None,
    by: signal.Signals,
    mood: str,
    lines: int,
    end: tuple[str, str, str],
    effects: int,
) -> None:
    execution = world.queued(mood=mood, lines=lines)
    wait_for_step(execution)
    wait_until(lambda: len(world.lines()) == effects)
    with servers.without("postgres", by=by):
        (world.root / "target.go").touch()  # whenever the worker goes on, its connection is gone
    connection.close()
    sweep_until_ended(execution)
    assert end_of(execution) == end
    with pytest.raises(NotClaimed):
        operations.execute(execution_id=execution.pk)
    assert len(world.lines()) == effects
    assert (claims(execution), Entry.objects.filter(verb="execution:outcome_unknown").count()) == (1, 1)
    after = world.queued(file="after")
    sweep_until_ended(after)  # the same worker takes the next
    assert end_of(after) == ("succeeded", "whole", "done")
    assert (len(world.lines("after")), claims(after)) == (1, 1)


@pytest.mark.parametrize("is_emptied", [False, True], ids=["with its data", "emptied"])
@pytest.mark.recovery_fault("Redis restarted", counted="lines that the target got; claims in the trail")
def test_redis_restarted_in_a_step_changes_nothing_of_it(
    world: World, signed_trail: None, servers: Servers, bell: None, is_emptied: bool
) -> None:
    execution = world.queued(mood="slow", lines=2)
    wait_for_step(execution)
    with servers.without("valkey", by=signal.SIGKILL):
        if is_emptied:
            shutil.rmtree(servers.folder / "valkey" / "data")
        waiting = world.queued(file="after", target="worker")  # nobody can ring for it
        operations.sweep_recovery(at=timezone.now())
        (world.root / "target.go").touch()
    for one in (execution, waiting):
        for _ in range(3):
            queue.ring("recovery.execute_request", to="recovery", execution_id=one.pk)
        sweep_until_ended(one)
        assert end_of(one) == ("succeeded", "whole", "done")
        assert claims(one) == 1
    assert (len(world.lines()), len(world.lines("after"))) == (2, 1)
    assert len(set(world.lines())) == 2
