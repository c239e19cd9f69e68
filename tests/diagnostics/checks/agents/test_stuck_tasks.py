"""Tasks that do not end, and tasks that end their worker: real workers, real jobs, real kills."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.stack import Service
from tests.diagnostics import looks
from tests.diagnostics.brokers import Broker, running_broker, running_worker, services
from tests.diagnostics.celery_workers import CeleryWorker, celery_worker
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.list_workers import letter, list_worker
from tests.diagnostics.looks import codes, found
from tests.diagnostics.servers import hanging, serving

SLUG = "agents.stuck_tasks"
CELERY: dict[str, Any] = {"adapter": "celery", "pending": ("celery",), "processing": None}


@pytest.fixture(scope="module")
def server() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def broker(server: Broker) -> Broker:
    server.client().flushall()
    return server


def look(
    broker: Broker,
    service: Service | None = None,
    *,
    limits: dict[str, float] | None = None,
    baseline: Baseline = looks.NOTHING_USUAL,
    **queue: Any,
) -> Result:
    named = services(broker.root)
    config = looks.stack(
        broker.root,
        services=named | ({"postman": service} if service else {}),
        queue=broker.queue(dead="letters:dead", **queue),
        thresholds={SLUG: {"sample_gap_seconds": 0.3} | (limits or {})},
    )
    result = looks.look(SLUG, config, baseline=baseline)
    assert "hunter2" not in repr(result)
    return result


def test_jobs_that_get_done_pass(broker: Broker) -> None:
    with list_worker(broker) as worker:
        broker.client().lpush("letters", letter(1), letter(2))
        worker.wait_for("job done", times=2)
        result = look(broker, worker.service())
    shows(HEALTHY, result)
    assert codes(result) == {"tasks.get_done"}


def test_a_job_that_kills_its_worker_again_and_again_is_named(broker: Broker) -> None:
    with list_worker(broker) as worker:
        broker.client().lpush("letters", letter(7, "bomb"))
        worker.wait_for("job start id=letter-7", times=3)
        result = look(broker, worker.service())
    shows(fault("a job kills its worker again and again"), result)
    finding = found(result, "tasks.crash_loop")
    assert finding.state is State.FAIL
    assert result.is_blocking
    assert "bomb letter-7 was begun" in finding.message
    log = next(one for one in result.evidence if one.key == finding.citations[0].evidence)
    assert "job start id=letter-7" in log.content


def test_a_message_that_no_worker_survives_is_known_by_the_workers_last_words(broker: Broker) -> None:
    with list_worker(broker) as worker:
        broker.client().lpush("letters", '{"tool_name": "deliver"}')
        worker.wait_for("KeyError: 'tool'", times=4)
        result = look(broker, worker.service())
    shows(fault("a message that no worker survives"), result)
    finding = found(result, "tasks.crash_loop")
    assert "KeyError: 'tool'" in finding.message
    assert "the worker ended" in finding.message


def test_a_worker_that_was_restarted_by_hand_is_no_crash_loop(broker: Broker) -> None:
    with list_worker(broker) as worker:
        for times in range(1, 5):
            worker.wait_for("worker started", times=times)
            os.kill(int((broker.root / "postman.pid").read_text()), signal.SIGTERM)
        worker.wait_for("worker started", times=5)
        broker.client().lpush("letters", letter(1, "sleep"))
        worker.wait_for("job start id=letter-1")
        assert codes(look(broker, worker.service())) == {"tasks.get_done"}


@pytest.mark.parametrize(("age_seconds", "state"), [(1000, State.WARN), (2000, State.FAIL)])
def test_a_job_over_its_limit_warns_and_over_twice_of_it_fails(
    broker: Broker, age_seconds: float, state: State
) -> None:
    broker.client().lpush("letters:open", letter(1, "sleep", age_seconds=age_seconds))
    with running_worker(broker.root):
        result = look(broker)
    shows(fault("a job is over its limit" if state is State.WARN else "a job is over twice its limit"), result)
    finding = found(result, "tasks.overdue")
    assert finding.state is state
    assert "sleep letter-1 is at work for" in finding.message
    assert finding.threshold is not None
    assert (finding.threshold.value, finding.threshold.source) == (900, "default")


def test_three_jobs_over_their_limit_fail(broker: Broker) -> None:
    broker.client().lpush("letters:open", *(letter(number, age_seconds=1000) for number in range(3)))
    with running_worker(broker.root):
        assert found(look(broker), "tasks.overdue").state is State.FAIL
        assert codes(look(broker, limits={"task_seconds": 5000})) == {"tasks.get_done"}


def test_a_job_that_waited_long_is_as_old_as_its_beginning(broker: Broker) -> None:
    with list_worker(broker) as worker:
        broker.client().lpush("letters", letter(1, "sleep", age_seconds=5000))
        worker.wait_for("job start id=letter-1")
        assert codes(look(broker, worker.service())) == {"tasks.get_done"}


def test_jobs_that_died_since_the_last_look_warn(broker: Broker) -> None:
    broker.client().lpush("letters:dead", letter(1), letter(2), letter(3))
    with running_worker(broker.root):
        assert codes(look(broker)) == {"tasks.get_done"}
        assert codes(look(broker, baseline=Baseline({"dead jobs": [3.0]}))) == {"tasks.get_done"}
        result = look(broker, baseline=Baseline({"dead jobs": [0.0]}))
    shows(fault("jobs die"), result)
    assert "3 jobs died" in found(result, "tasks.dead_growing").message


def test_a_log_that_cannot_be_read_hides_nothing_else(broker: Broker) -> None:
    os.mkfifo(broker.root / "pipe.log")
    service = Service(
        name="postman", role="worker", pid_file=broker.root / "postman.pid", log_files=(broker.root / "pipe.log",)
    )
    with running_worker(broker.root):
        result = look(broker, service)
    assert codes(result) == {"tasks.get_done"}
    assert "not a regular file" in result.leading.message


def test_a_broker_that_hangs_could_not_be_looked_at(broker: Broker) -> None:
    with serving(hanging) as port:
        result = look(broker, port=port)
    assert (result.state, result.leading.code) == (State.ERROR, "redis.timeout")


@pytest.fixture(scope="module")
def worker(server: Broker) -> Iterator[CeleryWorker]:
    with celery_worker(server) as running:
        yield running


@pytest.fixture
def celery(worker: CeleryWorker) -> CeleryWorker:
    worker.log.write_text("")  # it appends
    return worker


def test_celery_tasks_that_get_done_pass(server: Broker, celery: CeleryWorker) -> None:
    celery.send("sleep", 0)
    celery.wait_for_line("succeeded")
    assert codes(look(server, celery.service(), **CELERY)) == {"tasks.get_done"}


@pytest.mark.parametrize(("kills", "state"), [(1, State.WARN), (3, State.FAIL)])
def test_lost_celery_children_are_counted(server: Broker, celery: CeleryWorker, kills: int, state: State) -> None:
    for _ in range(kills):
        celery.send("die")
    celery.wait_for_line("raised error: WorkerLostError", times=kills)
    result = look(server, celery.service(), **CELERY)
    shows(fault("Celery lost a child" if kills == 1 else "Celery lost three children"), result)
    assert found(result, "tasks.worker_lost").state is state
    assert not result.is_blocking


def test_a_celery_task_killed_at_its_limit_is_named(server: Broker, celery: CeleryWorker) -> None:
    celery.send("limited", 30)
    celery.wait_for_line("Hard time limit")
    result = look(server, celery.service(), **CELERY)
    shows(fault("Celery killed a task at its time limit"), result)
    assert "(limited)" in found(result, "tasks.hard_limit").message


def test_a_celery_task_is_judged_by_its_own_limit_and_the_reserved_behind_it_are_told() -> None:
    limits = {"task_seconds": 0.1, "sample_gap_seconds": 0.3}
    with running_broker() as broker:
        for task, expected in (("patient", "tasks.get_done"), ("sleep", "tasks.overdue")):
            with celery_worker(broker, name=task) as own:
                own.send(task, 600)
                own.send(task, 600)
                own.wait_for_line(f"Task {task}", times=2)
                result = look(broker, own.service(), limits=limits, **CELERY)
            assert codes(result) == {expected}
            assert result.leading.measured["reserved"].value == 1
            broker.client().flushall()


def test_celery_tasks_that_are_reserved_and_never_begun_warn() -> None:
    with running_broker() as broker, celery_worker(broker) as worker:
        (child,) = psutil.Process(worker.process.pid).children()
        child.suspend()
        worker.send("sleep", 0)
        worker.wait_for_line("Task sleep")
        result = look(broker, worker.service(), **CELERY)
    shows(fault("a Celery child begins none of its tasks"), result)
    assert "sleep" in found(result, "tasks.reserved_stalled").message


def test_a_celery_worker_that_stands_still_is_left_to_its_own_check() -> None:
    with running_broker() as broker, celery_worker(broker) as stopped:
        os.killpg(stopped.process.pid, signal.SIGSTOP)
        result = look(broker, stopped.service(), **CELERY)
        os.killpg(stopped.process.pid, signal.SIGCONT)
    shows(HANGING, result)
    assert found(result, "tasks.no_reply").state is State.SKIP


def test_a_stack_without_a_queue_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(looks.look(SLUG, looks.stack(tmp_path))) == {"not_applicable"}
