"""An engine that ends while it acts for an execution, and a container of another image than the approved one.

Starts are counted by the container itself: each time that its program begins it writes a line into a file of its own.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from docker.errors import NotFound

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions.base import AlreadyDone, Doing
from awe_incidents.recovery.errors import NotClaimed
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations.planning import planned, site_of
from deploy.awe.compose.busybox import import_busybox
from deploy.awe.compose.stack import PROJECT_LABEL, SERVICE_LABEL
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.conftest import SETUP
from tests.docker.own_engine import OwnEngine, own_engine
from tests.docker.roads import TINY
from tests.recovery.conftest import actor, end_of, rings, signed_trail
from tests.recovery.test_lost_workers import start, sweep_until, wait_until

pytestmark = [
    pytest.mark.docker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

__all__ = ["rings", "signed_trail"]  # fixtures
PROJECT, NAME = "awe-engine-restarts", "awe-engine-restarts-store-1"
SLUG, DOCUMENT, LEASE_SECONDS = "service.restart", {"service": "store", "grace_seconds": 6}, 5.0
# It writes down that it began and that it was told to stop, and does not stop by itself.
PROGRAM = 'echo begun >>/begun; trap "echo told >>/told" TERM; while :; do sleep 0.1; done'
DESCRIPTION = """
schema = 1
name = "shop"
environment = "Staging"
vantage = "container"

[engine]
url = "{host}"
project = "{project}"

[services.store]
role = "database"
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[OwnEngine]:
    with own_engine() as made:
        yield made


@pytest.fixture
def container(engine: OwnEngine) -> Iterator[None]:
    run(engine, TINY)
    yield
    with engine.client() as client:
        for one in client.containers.list(all=True):
            one.remove(force=True)


def run(engine: OwnEngine, image: str) -> None:
    """Let a container of the service begin, as the reference stack's do: started again unless somebody stopped it."""
    labels = {PROJECT_LABEL: PROJECT, SERVICE_LABEL: "store"}
    options: dict[str, Any] = {"network_mode": "none", "restart_policy": {"Name": "unless-stopped"}}
    with engine.client() as client:
        client.containers.run(image, ["/bin/sh", "-c", PROGRAM], name=NAME, labels=labels, detach=True, **options)
    wait_until(lambda: lines(engine, "/begun") == 1)


@pytest.fixture
def stack(engine: OwnEngine, container: None, db: None, tmp_path: Path) -> Stack:
    text = DESCRIPTION.format(host=engine.host, project=PROJECT)
    return apply_stack(config=parse_toml(text, folder=tmp_path), by=SETUP, at=timezone.now()).stack


def lines(engine: OwnEngine, path: str) -> int:
    """Count the lines of a file in the container, running or not."""
    with engine.client() as client:
        try:
            content, _ = client.containers.get(NAME).get_archive(path)
        except NotFound:
            return 0
        return b"".join(content).count(path.strip("/").encode() + b"\n")


def state(engine: OwnEngine) -> dict[str, Any]:
    with engine.client() as client:
        return dict(client.containers.get(NAME).attrs["State"])


def reconcile_until(execution: Execution, *states: str, seconds: float = 120) -> None:
    """Look again and again, as a worker does each time that the sweeper rings."""
    ends_at = time.monotonic() + seconds
    while end_of(execution)[0] not in states:
        assert time.monotonic() < ends_at, execution.state
        operations.reconcile(execution_id=execution.pk)
        time.sleep(1)


def queued(stack: Stack, operator: User, *, retry_of: RecoveryRequest | None = None) -> Execution:
    request = operations.request_action(
        stack=stack,
        slug=SLUG,
        document=DOCUMENT,
        retry_of=retry_of,
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because="it hangs",
    )
    return request.execution


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.recovery_fault("engine restarted", counted="how often the container's program began")
def test_an_engine_that_ends_in_a_restart_leaves_an_outcome_that_a_look_finds(
    engine: OwnEngine,
    stack: Stack,
    operator: User,
    signed_trail: None,
    rings: list[tuple[str, str, int]],
    by: signal.Signals,
) -> None:
    execution = queued(stack, operator)
    worker = start(execution, lease_seconds=LEASE_SECONDS)
    wait_until(lambda: lines(engine, "/told") == 1)
    engine.end(by)
    said, _ = worker.communicate(timeout=60)
    # Told to end, a daemon may do what it was asked for first; killed, it cannot.
    sweep_until(execution, "outcome_unknown", *(["succeeded"] if by is signal.SIGTERM else []))
    was_seen_to_do_it = end_of(execution)[0] == "succeeded"  # its end stopped the container after that
    if not was_seen_to_do_it:
        operations.reconcile(execution_id=execution.pk)  # nobody answers, so nobody guesses
        assert end_of(execution) == ("outcome_unknown", "unknown", "executing"), said
    engine.start()
    reconcile_until(execution, "failed", "succeeded")
    status, begun = state(engine)["Status"], lines(engine, "/begun")
    if was_seen_to_do_it:
        assert (end_of(execution), begun) == (("succeeded", "whole", "done"), 2)
    elif by is signal.SIGKILL or status == "exited":  # it was stopped, and nobody started it
        assert (end_of(execution), status, begun) == (("failed", "partial", "done"), "exited", 1)
    else:  # it, or the daemon as such a container's policy tells it, started the container
        assert (end_of(execution), status) == (("succeeded", "whole", "done"), "running")
        assert begun > 1
    with pytest.raises(NotClaimed):
        operations.execute(execution_id=execution.pk)
    with site_of(stack) as site:
        plan = planned(site, slug=SLUG, document=DOCUMENT)
        (step,) = plan.action.steps(plan.acting)
        doing = Doing(token=f"awe-recovery-{execution.pk}-1", say=print, check=lambda: None)
        with pytest.raises(AlreadyDone):
            step.run(doing)
    assert lines(engine, "/begun") == begun
    # Docker 20.10 may never start a container again amid whose start it ended ("file exists"), so it is made anew.
    with engine.client() as client:
        client.containers.get(NAME).remove(force=True)
    run(engine, TINY)
    anew = queued(stack, operator, retry_of=execution.request)
    operations.execute(execution_id=anew.pk)
    assert end_of(anew) == ("succeeded", "whole", "done")
    assert (state(engine)["Status"], lines(engine, "/begun")) == ("running", 2)


@pytest.mark.recovery_fault("image changed", counted="how often the container's program began; guards")
def test_a_container_of_another_image_than_the_approved_one_is_not_touched(
    engine: OwnEngine, stack: Stack, operator: User, signed_trail: None, rings: list[tuple[str, str, int]]
) -> None:
    execution = queued(stack, operator)
    import_busybox(engine.host, image="tiny:2")
    with engine.client() as client:
        client.containers.get(NAME).remove(force=True)
    run(engine, "tiny:2")
    before = state(engine)
    operations.execute(execution_id=execution.pk)
    assert end_of(execution) == ("invalidated", "none", "invalidated")
    assert execution.outcome.startswith("the target and the plan changed after it was approved")
    assert (state(engine), lines(engine, "/begun"), lines(engine, "/told")) == (before, 1, 0)
    with engine.client() as client:
        assert [one.name for one in client.containers.list(all=True)] == [NAME]
