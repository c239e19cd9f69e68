"""A real engine tells a stranger's doing from ours, and an execution that only says that it was done."""

from __future__ import annotations

import io
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from django.utils import timezone
from docker.models.containers import Container

from awe_incidents.accounts.models import User
from awe_incidents.reconciliation import queries
from awe_incidents.reconciliation.models import Alarm, JudgedEvent
from awe_incidents.reconciliation.operations import Reconciled, reconcile_stack
from awe_incidents.reconciliation.states import AlarmKind, Cause
from awe_incidents.recovery.actions.base import Verified
from awe_incidents.recovery.actions.service import restart
from awe_incidents.recovery.models import Execution
from awe_incidents.recovery.operations import execute, request_action
from deploy.awe.compose.building import BASE, build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.probes.engine import opened
from diagnostics.queries import config_of
from diagnostics.stack import parse_toml
from tests.conftest import SETUP
from tests.reconciliation.conftest import STACK
from tests.recovery.conftest import actor, rings, signed_trail  # noqa: F401  fixtures

pytestmark = [
    pytest.mark.docker,
    pytest.mark.django_db(transaction=True),
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROJECT, IMAGE = "awe-reconciliation-test", "awe/reconciliation-test:1"
DOCKERFILE = f"""\
FROM {BASE}
HEALTHCHECK --interval=1s CMD test -e /etc/hosts
CMD ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
"""


@pytest.fixture(scope="module")
def host() -> str:
    found = ensure_engine()
    build_images(found)
    return found


@pytest.fixture
def container(host: str) -> Iterator[Container]:
    client = docker.DockerClient(base_url=host, timeout=60)
    client.images.build(fileobj=io.BytesIO(DOCKERFILE.encode()), tag=IMAGE)
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "api"}
    policy: Any = {"Name": "always"}
    yield client.containers.run(IMAGE, labels=labels, detach=True, name=f"{PROJECT}-api", restart_policy=policy)
    for name in (PROJECT, "awe-recovery-"):
        for one in client.containers.list(all=True, filters={"name": name}):
            one.remove(force=True, v=True)
    client.images.remove(IMAGE, force=True)
    client.close()


@pytest.fixture
def stack(db: None, tmp_path: Path, host: str, container: Container) -> Stack:
    text = STACK.format(url=host).replace('project = "shop"', f'project = "{PROJECT}"')
    made = apply_stack(config=parse_toml(text, folder=tmp_path), by=SETUP, at=timezone.now()).stack
    assert reconcile(made).looked
    return made


def reconcile(stack: Stack) -> Reconciled:
    time.sleep(0.2)  # what somebody did a moment ago is told
    return reconcile_stack(stack_id=stack.pk, at=timezone.now(), is_due=False)


def stranger(host: str, *words: str) -> None:
    subprocess.run(["docker", "-H", host, *words], check=True, capture_output=True)


def restarted(stack: Stack, operator: User) -> Execution:
    """Ask for a restart, which needs nobody else, and carry it out as a worker does."""
    request = request_action(
        stack=stack,
        slug="service.restart",
        document={"service": "api"},
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because="it hangs",
    )
    execute(execution_id=request.execution.pk)
    request.execution.refresh_from_db()
    return request.execution


def test_what_a_stranger_does_is_told_and_what_was_approved_is_not(
    stack: Stack,
    container: Container,
    host: str,
    operator: User,
    rings: object,  # noqa: F811
    signed_trail: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "SKEW", queries.SKEW / 5)
    config = config_of(stack)
    assert config.engine is not None
    with opened(config.engine, seconds=5, root=config.root) as engine:
        seen = engine.container("api")
        assert seen is not None
        assert engine.run(seen, ["id"])[0] == 0  # as a check does
        assert engine.archive(seen, "/etc/hosts")
    time.sleep(2)  # its health checks run, too
    assert reconcile(stack) == Reconciled(looked=True)

    execution = restarted(stack, operator)
    assert execution.state == "succeeded"
    assert reconcile(stack).alarms == 0
    causes = set(JudgedEvent.objects.values_list("cause", "execution"))
    assert causes == {(Cause.EXECUTION.value, execution.pk)}
    assert "restart" in set(JudgedEvent.objects.values_list("action", flat=True))

    time.sleep(2 * queries.SKEW.total_seconds())
    assert reconcile(stack).alarms == 0  # its end was judged, too
    stranger(host, "stop", "-t", "1", container.name or "")
    stranger(host, "start", container.name or "")
    stranger(host, "exec", container.name or "", "sh", "-c", "touch /tmp/was-here")
    assert reconcile(stack).alarms == 1
    [alarm] = Alarm.objects.all()
    assert alarm.kind == AlarmKind.NOT_APPROVED
    assert "touch /tmp/was-here" in alarm.says
    assert [one for one in ("kill of api", "start of api", "exec_start of api") if one not in alarm.says] == []

    subprocess.run(["docker", "-H", host, "exec", container.name or "", "sh", "-c", "kill 1"], check=False)
    time.sleep(3)  # its policy starts it again
    assert reconcile(stack).alarms == 1  # for the program that was run, not for the end and the start
    latest = Alarm.objects.order_by("-pk")[0]
    assert "start of" not in latest.says.replace("exec_start of", "")
    assert reconcile(stack).alarms == 0


def test_an_execution_that_only_says_that_it_was_done_is_told(
    stack: Stack,
    operator: User,
    rings: object,  # noqa: F811
    signed_trail: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "SKEW", queries.SKEW / 5)
    monkeypatch.setattr(restart, "_restart", lambda acting, doing: doing.say("done"))
    verified = Verified(is_good=True, text="as it says")
    monkeypatch.setattr(restart.RestartService, "verify", lambda self, acting: verified)
    execution = restarted(stack, operator)
    assert execution.state == "succeeded"
    time.sleep(2 * queries.SKEW.total_seconds())
    assert reconcile(stack).alarms == 1
    [alarm] = Alarm.objects.all()
    assert (alarm.kind, alarm.request) == (AlarmKind.NOT_EXECUTED, execution.request)
    assert "the engine shows no restart of" in alarm.says
    assert reconcile(stack).alarms == 0
