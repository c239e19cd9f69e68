"""Workers and queues on a real broker: idle, moving, stuck, deserted, and what cannot be looked at."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from diagnostics.checks.result import Finding, Result, State
from diagnostics.looking.plan import Progress, next_steps
from tests.diagnostics import looks
from tests.diagnostics.brokers import Broker, running_broker, running_worker, services, wait_until
from tests.diagnostics.celery_workers import celery_worker
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import hanging, serving

SLUG = "agents.workers_and_queues"
SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwcm9iZSJ9.c2lnbmF0dXJl"
LIMITS = {"stall_seconds": 60.0, "sample_gap_seconds": 0.3}


@pytest.fixture(scope="module")
def server() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def broker(server: Broker) -> Broker:
    server.client().flushall()
    (server.root / "postman.pid").unlink(missing_ok=True)
    (server.root / "beat").unlink(missing_ok=True)
    return server


def job(number: int, *, age_seconds: float, **more: Any) -> str:
    fields = {"id": f"job-{number}", "tool": "deliver", "args": {"pin": "hunter2hunter2"}, "token": SECRET}
    return json.dumps(fields | {"queued_at": time.time() - age_seconds} | more)


def look(broker: Broker, *, limits: dict[str, float] | None = None, **queue: Any) -> Result:
    config = looks.stack(
        broker.root,
        services=services(broker.root),
        queue=broker.queue(**queue),
        thresholds={SLUG: LIMITS | (limits or {})},
    )
    result = looks.look(SLUG, config)
    shown = repr(result)
    assert "hunter2" not in shown
    assert SECRET not in shown
    return result


def only(result: Result, state: State, code: str) -> Finding:
    assert (result.state, result.leading.code) == (state, code), [(f.code, f.message) for f in result.findings]
    assert all(citation.evidence in {one.key for one in result.evidence} for citation in result.leading.citations)
    return result.leading


def beat(broker: Broker, *, age_seconds: float) -> Path:
    path = broker.root / "beat"
    path.touch()
    os.utime(path, (time.time() - age_seconds,) * 2)
    return path


def get_stuck(broker: Broker, *, waiting: int = 5, age_seconds: float = 90) -> None:
    client = broker.client()
    client.lpush("letters:open", job(0, age_seconds=age_seconds))
    for number in range(1, waiting + 1):
        client.lpush("letters", job(number, age_seconds=age_seconds))


def test_an_idle_queue_with_a_running_worker_passes_in_one_sample(broker: Broker) -> None:
    with running_worker(broker.root):
        result = look(broker)
    shows(HEALTHY, result)
    assert only(result, State.PASS, "queue.idle").measured["pending"].value == 0


def test_jobs_that_wait_long_behind_one_in_processing_are_stuck(broker: Broker) -> None:
    get_stuck(broker)
    with running_worker(broker.root):
        result = look(broker, heartbeat_file=beat(broker, age_seconds=1))
    shows(fault("jobs wait long behind one in processing"), result)
    finding = only(result, State.FAIL, "queue.stuck")
    assert "5 jobs wait" in finding.message
    assert "deliver job-0" in finding.message
    assert finding.threshold is not None
    assert finding.threshold.source == "config"
    assert "sample 2" in result.evidence[0].content or "sample 2" in result.evidence[1].content


def test_it_does_not_matter_at_which_end_jobs_are_pushed(broker: Broker) -> None:
    client = broker.client()
    client.lpush("letters:open", job(0, age_seconds=90))
    client.rpush("letters", job(1, age_seconds=90), job(2, age_seconds=1))
    with running_worker(broker.root):
        only(look(broker), State.FAIL, "queue.stuck")


def test_without_progress_but_before_the_limit_it_warns(broker: Broker) -> None:
    get_stuck(broker, age_seconds=2)
    with running_worker(broker.root):
        only(look(broker), State.WARN, "queue.no_progress")
        only(look(broker, limits={"stall_seconds": 1.0}), State.FAIL, "queue.stuck")


def test_messages_without_times_are_judged_by_the_job_in_processing(broker: Broker) -> None:
    client = broker.client()
    client.lpush("letters:open", job(0, age_seconds=90))
    client.lpush("letters", b"\xff\xfe no json", b"[1]")
    with running_worker(broker.root):
        only(look(broker), State.FAIL, "queue.stuck")
        client.delete("letters:open")
        only(look(broker), State.WARN, "queue.no_progress")


@contextlib.contextmanager
def taking_jobs(broker: Broker, *, pushing: int) -> Iterator[None]:
    """Take a job and push some, all the time, as a busy queue does."""
    ended, client = threading.Event(), broker.client()

    def work() -> None:
        while not ended.wait(0.02):
            client.rpop("letters")
            for number in range(pushing):
                client.lpush("letters", job(number, age_seconds=0))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_long_queue_that_gets_done_passes(broker: Broker) -> None:
    get_stuck(broker, waiting=500)
    broker.client().delete("letters:open")
    with running_worker(broker.root), taking_jobs(broker, pushing=0):
        only(look(broker), State.PASS, "queue.moving")


def test_a_backlog_that_rises_warns(broker: Broker) -> None:
    for number in range(200):
        broker.client().lpush("letters", job(number, age_seconds=90))
    with running_worker(broker.root), taking_jobs(broker, pushing=2):
        result = look(broker)
    shows(fault("jobs come faster than they are done"), result)
    only(result, State.WARN, "queue.backlog")


def test_a_stopped_worker_is_stuck_whether_or_not_its_heartbeat_is_fresh(broker: Broker) -> None:
    get_stuck(broker, age_seconds=1)
    with running_worker(broker.root) as worker:
        worker.send_signal(signal.SIGSTOP)
        wait_until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED)
        result = look(broker, heartbeat_file=beat(broker, age_seconds=1))
    shows(HANGING, result)
    finding = only(result, State.FAIL, "queue.stuck")
    assert "stopped" in finding.message
    assert "5 jobs wait" in finding.message


def test_a_dead_worker_is_no_worker(broker: Broker) -> None:
    with running_worker(broker.root):
        pass
    result = look(broker)
    shows(fault("the worker is dead"), result)
    only(result, State.FAIL, "queue.no_worker")
    broker.client().lpush("letters:open", job(0, age_seconds=5))
    assert "1 job in processing" in only(look(broker), State.FAIL, "queue.no_worker").message


def test_a_job_in_processing_with_no_living_worker_is_a_finding_while_the_heartbeat_is_still_fresh(
    broker: Broker,
) -> None:
    broker.client().lpush("letters:open", job(0, age_seconds=5))
    result = look(broker, heartbeat_file=beat(broker, age_seconds=10))  # died in order ten seconds ago: no pid file
    finding = only(result, State.WARN, "queue.unattended")
    assert "1 job in processing" in finding.message
    assert "postman.pid" in finding.message
    assert finding.measured["processing"].value == 1


def test_a_job_in_processing_is_no_finding_while_a_heart_beats_or_a_process_runs(broker: Broker) -> None:
    broker.client().lpush("letters:open", job(0, age_seconds=5))
    ended = threading.Event()

    def keep_beating() -> None:
        while not ended.wait(0.05):
            beat(broker, age_seconds=0)

    thread = threading.Thread(target=keep_beating)
    thread.start()
    try:
        wait_until((broker.root / "beat").exists)
        only(look(broker, heartbeat_file=broker.root / "beat"), State.PASS, "queue.idle")
    finally:
        ended.set()
        thread.join()
    with running_worker(broker.root):
        finding = only(look(broker, heartbeat_file=beat(broker, age_seconds=10)), State.PASS, "queue.idle")
    assert "1 job in processing" in finding.message


def test_of_a_worker_that_nobody_described_only_a_long_job_is_told(broker: Broker) -> None:
    client = broker.client()
    client.lpush("letters:open", job(0, age_seconds=5))
    only(look(broker, worker_service=None), State.PASS, "queue.idle")
    client.lpush("letters:open", job(1, age_seconds=90))
    only(look(broker, worker_service=None), State.WARN, "queue.unattended")


def test_jobs_that_get_done_without_a_worker_in_sight_are_no_finding(broker: Broker) -> None:
    client, ended = broker.client(), threading.Event()

    def work() -> None:
        for number in range(10_000):
            client.lpush("letters:open", job(number, age_seconds=1))
            client.rpop("letters:open", 5)
            if ended.wait(0.02):
                return

    client.lpush("letters:open", *(job(number, age_seconds=90) for number in range(-5, 0)))
    thread = threading.Thread(target=work)
    thread.start()
    try:
        only(look(broker, heartbeat_file=beat(broker, age_seconds=10)), State.PASS, "queue.idle")
    finally:
        ended.set()
        thread.join()


def test_a_missing_pid_file_alone_proves_nothing_while_the_heart_beats(broker: Broker) -> None:
    only(look(broker, heartbeat_file=beat(broker, age_seconds=1)), State.PASS, "queue.idle")
    only(look(broker, heartbeat_file=beat(broker, age_seconds=300)), State.FAIL, "queue.no_worker")


@pytest.mark.parametrize("waiting", [0, 3])
def test_a_heartbeat_that_stands_still_fails(broker: Broker, waiting: int) -> None:
    if waiting:
        get_stuck(broker, waiting=waiting, age_seconds=1)
    with running_worker(broker.root):
        result = look(broker, heartbeat_file=beat(broker, age_seconds=300))
    only(result, State.FAIL, "queue.stuck" if waiting else "queue.heartbeat_stale")


def test_a_heartbeat_file_that_is_not_there_yet_only_warns_of_a_running_worker(broker: Broker) -> None:
    with running_worker(broker.root):
        only(look(broker, heartbeat_file=broker.root / "beat"), State.WARN, "queue.heartbeat_missing")


def test_nothing_is_known_of_a_worker_without_pid_file_and_heartbeat(broker: Broker) -> None:
    only(look(broker, worker_service=None), State.PASS, "queue.idle")
    get_stuck(broker)
    only(look(broker, worker_service=None), State.FAIL, "queue.stuck")


def test_a_queue_that_is_no_list_could_not_be_looked_at(broker: Broker) -> None:
    broker.client().set("letters", "text")
    only(look(broker), State.ERROR, "queue.not_a_list")


def test_a_job_too_large_to_read_does_not_hide_the_queue(broker: Broker) -> None:
    broker.client().lpush("letters", "x" * 9_000_000)
    with running_worker(broker.root):
        finding = only(look(broker), State.WARN, "queue.no_progress")
    assert finding.measured["pending"].value == 1


def test_a_broker_that_hangs_could_not_be_looked_at_within_the_deadline(broker: Broker) -> None:
    with serving(hanging) as port:
        config = looks.stack(broker.root, services=services(broker.root), queue=broker.queue(port=port))
        began = time.monotonic()
        result = looks.look(SLUG, config)
    assert result.leading.state is State.ERROR
    assert result.leading.code == "redis.timeout"
    assert time.monotonic() - began < 7


def test_it_is_skipped_where_redis_fails() -> None:
    steps = next_steps({"database.redis": Progress.BLOCKING, SLUG: Progress.WAITING})
    assert [(step.slug, step.blocked_by) for step in steps] == [(SLUG, "database.redis")]


def test_a_stack_without_a_queue_has_nothing_to_look_at(tmp_path: Path) -> None:
    result = looks.look(SLUG, looks.stack(tmp_path))
    assert (result.state, result.leading.code) == (State.SKIP, "not_applicable")


def test_celery_workers_are_asked_and_their_jobs_compared(broker: Broker) -> None:
    celery: dict[str, Any] = {"adapter": "celery", "pending": ("celery",), "processing": None, "worker_service": None}
    only(look(broker, **celery), State.FAIL, "queue.no_worker")
    with celery_worker(broker, pool="threads") as worker:
        only(look(broker, **celery), State.PASS, "queue.idle")
        for _ in range(4):
            worker.send("sleep", 60, "hunter2hunter2")
        wait_until(lambda: broker.client().llen("celery") <= 2)
        result = look(broker, limits={"stall_seconds": 0.1}, **celery)
        finding = only(result, State.FAIL, "queue.stuck")
        assert "sleep" in finding.message
        worker.send("sleep", 60, "x", queue="letters")
        untaken = look(broker, **celery | {"pending": ("celery", "letters")})
        assert only(untaken, State.FAIL, "queue.no_worker").message.count("letters")
    shows(fault("nobody takes from a Celery queue"), untaken)
