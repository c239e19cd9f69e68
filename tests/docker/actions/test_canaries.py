"""A password that is made for an account of the deployment, asked for over HTTP: it stands nowhere at any moment.

The engine's own account of every container, what runs in each, all processes of the machine and all that Redis is told
are looked at while the action runs; our database, trail and files afterwards.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from django.utils import timezone
from docker.errors import APIError

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations
from awe_incidents.recovery.models import RecoveryRequest
from deploy.awe.compose import ComposeStack
from deploy.awe.process.layout import read_environment
from diagnostics.operations import apply_stack
from diagnostics.stack import read_stack
from tests.conftest import SETUP, client_of
from tests.docker.actions.conftest import Trials
from tests.docker.actions.user.test_password_reset import NAME, OLD, status
from tests.recovery.conftest import rings, signed_trail
from tests.recovery.test_emergency import exported, wait_until_all_is_signed
from tests.recovery.traces import Watch, forms_of, found_in

__all__ = ["rings", "signed_trail"]  # fixtures
pytestmark = [
    pytest.mark.docker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
REQUESTS = "/api/v1/recovery-requests/"


class EngineWatch:
    """What the engine tells of every container and of every program started in one, again and again."""

    def __init__(self, host: str) -> None:
        self.told: dict[str, set[str]] = {}  # by the container's name
        self._host, self._ending = host, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> EngineWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def holding(self, secret: str) -> set[str]:
        """Give the containers of which the engine tells a secret."""
        forms = forms_of(secret)
        return {name for name, told in self.told.items() if any(form in "".join(told).encode() for form in forms)}

    def _look(self) -> None:
        with closing(docker.DockerClient(base_url=self._host, timeout=60)) as client:
            while not self._ending.wait(0.02):
                for one in client.api.containers(all=True):
                    with suppress(APIError):  # gone meanwhile
                        self._inspect(client, one["Id"])

    def _inspect(self, client: docker.DockerClient, container_id: str) -> None:
        seen = client.api.inspect_container(container_id)
        told = self.told.setdefault(seen["Name"].lstrip("/"), set())
        told.add(json.dumps(seen))
        for exec_id in seen["ExecIDs"] or ():
            with suppress(APIError):
                told.add(json.dumps(client.api.exec_inspect(exec_id)))


@pytest.fixture(autouse=True)
def _as_before(trials: Trials) -> Iterator[None]:
    """Give the account its hash back."""
    (before,) = trials.psql(f"SELECT password_hash FROM users WHERE username = '{NAME}'")  # noqa: S608
    yield
    trials.psql(f"UPDATE users SET password_hash = '{before}' WHERE username = '{NAME}'")  # noqa: S608
    assert status(trials.lab, OLD) == 200


def done(lab: ComposeStack, operator: User, approver: User) -> tuple[RecoveryRequest, str]:
    """Ask, approve and carry out; give the request, and what was made for who asked."""
    stack = apply_stack(config=read_stack(lab.description), by=SETUP, at=timezone.now()).stack
    asked: dict[str, Any] = {"stack": stack.name, "action": "user.password_reset", "parameters": {"username": NAME}}
    client = client_of(operator)
    made = client.post(REQUESTS, {**asked, "because": "locked out"}, format="json")
    assert made.status_code == 201, made.content
    address = f"{REQUESTS}{made.json()['id']}/"
    said = {"digest": made.json()["digest"], "because": "I know them"}
    approved = client_of(approver).post(f"{address}approval/", said, format="json")
    assert approved.status_code == 201, approved.content
    request = RecoveryRequest.objects.select_related("execution").get(pk=made.json()["id"])
    operations.execute(execution_id=request.execution.pk)
    request.execution.refresh_from_db()
    return request, client.post(f"{address}secret/").json()["secret"]


def test_a_new_password_and_the_deployments_secrets_stand_nowhere(
    trials: Trials, operator: User, approver: User, rings: list[Any], signed_trail: None, tmp_path: Path
) -> None:
    lab = trials.lab
    with EngineWatch(lab.host) as before:
        time.sleep(1)
    with Watch() as watch, EngineWatch(lab.host) as engine:
        request, password = done(lab, operator, approver)
    assert request.execution.state == "succeeded", request.execution.outcome
    assert status(lab, password) == 200
    wait_until_all_is_signed()
    exported(tmp_path)
    known = {name: value for name, value in read_environment(lab.root / ".env").items() if len(value) >= 16}
    assert len(known) >= 4
    assert any(before.holding(value) for value in known.values())  # of whom compose gave it to
    for secret in (password, *known.values()):
        assert engine.holding(secret) <= before.holding(secret)
        places = found_in(secret, tmp_path, folder=tmp_path)
        # Programs of the deployment have what compose gave them.
        assert [one for one in places if not (one.endswith("environ") and secret in known.values())] == []
    assert watch.saw(password) == []
