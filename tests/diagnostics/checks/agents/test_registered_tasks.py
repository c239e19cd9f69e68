"""Tasks that workers do not know: sent to real workers, which refuse them in their own words."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import Service
from tests.diagnostics import looks
from tests.diagnostics.brokers import Broker, running_broker, services
from tests.diagnostics.celery_workers import APP, CeleryWorker, celery_worker
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.list_workers import letter, list_worker
from tests.diagnostics.looks import codes, found
from tests.diagnostics.servers import hanging, serving

SLUG = "agents.registered_tasks"
CELERY: dict[str, Any] = {"adapter": "celery", "pending": ("celery",), "processing": None}
KNOWN = ("sleep", "limited", "patient", "die", "refuse")
NEWER = APP.replace('name="refuse"', 'name="translate"')


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


@pytest.fixture(scope="module")
def worker(broker: Broker) -> Iterator[CeleryWorker]:
    with celery_worker(broker) as running:
        yield running


@pytest.fixture
def celery(broker: Broker, worker: CeleryWorker) -> CeleryWorker:
    worker.log.write_text("")  # it appends
    broker.client().delete("celery", "letters", "letters:open", "letters:dead")
    return worker


def look(broker: Broker, service: Service | None = None, **queue: Any) -> Result:
    named = services(broker.root) | ({"postman": service} if service else {})
    result = looks.look(SLUG, looks.stack(broker.root, services=named, queue=broker.queue(**queue)))
    assert "hunter2" not in repr(result)
    return result


def test_workers_that_know_what_is_expected_pass(broker: Broker, celery: CeleryWorker) -> None:
    celery.send("sleep", 0)
    celery.wait_for_line("succeeded")
    result = look(broker, celery.service(), expected_tasks=KNOWN, **CELERY)
    shows(HEALTHY, result)
    assert codes(result) == {"registered.known"}
    assert "knows die, limited, patient, refuse, sleep" in result.evidence[0].content


def test_a_task_that_the_worker_refused_is_named_from_its_log(broker: Broker, celery: CeleryWorker) -> None:
    celery.send("letters.translate", "hunter2hunter2")
    celery.wait_for_line("Received unregistered task")
    result = look(broker, celery.service(), **CELERY)
    shows(fault("Celery received an unregistered task"), result)
    finding = found(result, "registered.refused")
    assert finding.state is State.FAIL
    assert "letters.translate" in finding.message
    log = next(one for one in result.evidence if one.key == finding.citations[0].evidence)
    assert "Received unregistered task of type 'letters.translate'" in log.content


def test_workers_of_one_queue_that_know_different_tasks_fail(broker: Broker, celery: CeleryWorker) -> None:
    with celery_worker(broker, name="newer", app=NEWER):
        result = look(broker, celery.service(), **CELERY)
    shows(fault("two workers know different tasks"), result)
    finding = found(result, "registered.differs")
    assert finding.state is State.FAIL
    assert "first@here alone knows refuse" in finding.message
    assert "newer@here alone knows translate" in finding.message


def test_workers_of_different_queues_may_know_different_tasks(broker: Broker, celery: CeleryWorker) -> None:
    with celery_worker(broker, name="other", app=NEWER, more=("-Q", "parcels")):
        assert codes(look(broker, celery.service(), **CELERY)) == {"registered.known"}


def test_an_expected_task_that_nobody_knows_fails(broker: Broker, celery: CeleryWorker) -> None:
    result = look(broker, celery.service(), expected_tasks=(*KNOWN, "translate"), **CELERY)
    shows(fault("no worker knows an expected task"), result)
    assert found(result, "registered.missing").message.endswith("no worker knows translate")


def test_a_job_that_waits_and_that_nobody_knows_warns(broker: Broker, celery: CeleryWorker) -> None:
    celery.send("translate", queue="letters")
    celery.send("celery.chord_unlock", queue="letters")
    result = look(broker, celery.service(), **CELERY | {"pending": ("celery", "letters")})
    assert found(result, "registered.unexpected").message.endswith("to know: translate")


def test_a_worker_that_stands_still_is_left_to_its_own_check() -> None:
    with running_broker() as broker, celery_worker(broker) as stopped:
        os.killpg(stopped.process.pid, signal.SIGSTOP)
        result = look(broker, stopped.service(), expected_tasks=KNOWN, **CELERY)
        os.killpg(stopped.process.pid, signal.SIGCONT)
    shows(HANGING, result)
    assert codes(result) == {"registered.no_reply"}


def test_a_tool_that_a_worker_of_lists_refuses_is_named(broker: Broker, celery: CeleryWorker) -> None:
    with list_worker(broker, tools="deliver") as worker:
        broker.client().lpush("letters", letter(1), letter(2, "translate"))
        worker.wait_for("unknown tool")
        result = look(broker, worker.service(), expected_tasks=("deliver", "translate"))
    shows(fault("a worker refuses an unknown tool"), result)
    assert "translate" in found(result, "registered.refused").message


def test_a_job_in_a_list_that_is_not_expected_warns(broker: Broker, celery: CeleryWorker) -> None:
    broker.client().lpush("letters", letter(1), letter(2, "translate"), b"\xff no json")
    result = look(broker, expected_tasks=("deliver",))
    shows(fault("a job waits that no worker knows"), result)
    assert found(result, "registered.unexpected").state is State.WARN
    assert codes(look(broker, expected_tasks=("deliver", "translate"))) == {"registered.known"}


def test_lists_without_log_and_expectations_have_nothing_to_look_at(broker: Broker) -> None:
    assert codes(look(broker)) == {"not_applicable"}


def test_a_broker_that_hangs_could_not_be_looked_at(broker: Broker) -> None:
    with serving(hanging) as port:
        result = look(broker, expected_tasks=("deliver",), port=port)
    assert (result.state, result.leading.code) == (State.ERROR, "redis.timeout")


def test_a_stack_without_a_queue_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(looks.look(SLUG, looks.stack(tmp_path))) == {"not_applicable"}
