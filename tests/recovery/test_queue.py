"""Messages over a real broker: the id only, in the stack's own queue; lost ones are rung again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.db import transaction
from django.utils import timezone

from awe_incidents.celery import app
from awe_incidents.recovery import operations, queue
from awe_incidents.recovery.operations import sweeping
from tests.recovery.conftest import World, end_of

pytestmark = pytest.mark.django_db(transaction=True)
app.loader.import_default_modules()

OWN_QUEUE = """
import json, os, django
django.setup()
from awe_incidents.celery import app, recovery_queue
print(json.dumps([recovery_queue("awe"), recovery_queue("plain"), sorted(app.amqp.queues)]))
"""


def test_a_stack_may_have_a_queue_of_its_own() -> None:
    environment = {**os.environ, "AWE_RECOVERY_STACKS": "awe, shop", "DJANGO_SETTINGS_MODULE": "awe_incidents.settings"}
    said = subprocess.run(
        [sys.executable, "-c", OWN_QUEUE], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == [
        "recovery.awe",
        "recovery",
        ["diagnostics", "housekeeping", "recovery", "recovery.awe", "recovery.shop"],
    ]


def test_the_message_holds_the_id_and_nothing_else() -> None:
    waiting = app.amqp.queues["recovery"]
    with app.connection_for_write() as broker:
        bound = waiting(broker.default_channel)
        bound.declare()
        bound.purge()
        with transaction.atomic():
            queue.ring_execution(4711, stack_name="plain")
        message = bound.get(no_ack=True)
    assert message is not None
    assert message.body is not None
    assert message.headers["task"] == "recovery.execute_request"
    assert json.loads(message.body)[:2] == [[], {"execution_id": 4711}]


def test_a_lost_message_is_rung_again_and_starts_it_once(
    world: World, signed_trail: None, rings: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = world.queued()
    rings.clear()  # as FLUSHALL does
    monkeypatch.setattr(sweeping, "RING_AGAIN_SECONDS", 0)
    for _ in range(3):
        operations.sweep_recovery(at=timezone.now())
    assert rings == [("recovery", queue.EXECUTE, execution.pk)] * 3
    for _, name, execution_id in rings:
        app.tasks[name](execution_id=execution_id, unknown="tolerated")
    assert end_of(execution) == ("succeeded", "whole", "done")
    assert len(world.lines()) == 1
    app.tasks[queue.RECONCILE](execution_id=execution.pk)
    assert end_of(execution) == ("succeeded", "whole", "done")


def test_a_message_of_nothing_is_harmless(transactional_db: None) -> None:
    app.tasks[queue.EXECUTE](execution_id=10**9)
    app.tasks[queue.RECONCILE](execution_id=10**9)
