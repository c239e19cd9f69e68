"""A locked account of the deployment in containers gets a new password; curl and docker tell, and it is undone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, Doing, Probed
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import PROJECT_LABEL
from tests.docker.actions.conftest import Trials
from tests.recovery.traces import forms_of

pytestmark = [pytest.mark.docker, pytest.mark.filterwarnings("ignore::ResourceWarning")]
# ruff: noqa: S608  our own words
SLUG, NAME, OLD = "user.password_reset", "agent", "agent-pass"


@pytest.fixture(autouse=True)
def _as_before(trials: Trials) -> Iterator[None]:
    """Give the account its hash back."""
    (before,) = trials.psql(f"SELECT password_hash FROM users WHERE username = '{NAME}'")
    yield
    trials.psql(
        f"UPDATE users SET password_hash = '{before}', failed_attempts = 0, locked_until = NULL"
        f" WHERE username = '{NAME}'"
    )
    assert status(trials.lab, OLD) == 200


def status(lab: ComposeStack, password: str) -> int:
    """Log in with plain curl, which reads the body from its standard input."""
    address = f"https://localhost:{lab.settings.port}/auth/login"
    files = ["--cacert", "certs/ca/ca.crt", "--cert", "certs/client/client.crt", "--key", "certs/client/client.key"]
    arguments = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *files, "--data", "@-"]
    body = json.dumps({"username": NAME, "password": password})
    done = subprocess.run(
        [*arguments, "-H", "Content-Type: application/json", address],
        input=body,
        cwd=lab.root,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def everything_about(lab: ComposeStack) -> bytes:
    """Give what the engine tells of every container of the deployment, and what each has said."""
    told = b""
    label = f"{PROJECT_LABEL}={lab.settings.project}"
    for container in lab.engine.containers.list(all=True, filters={"label": label}):
        told += json.dumps(container.attrs).encode() + container.logs()
    return told


def test_a_locked_user_gets_in_again_and_the_password_stands_nowhere(trials: Trials) -> None:
    for _ in range(5):
        status(trials.lab, "wrong")
    assert status(trials.lab, OLD) == 423
    sealed: list[str] = []
    trial = trials.plan(SLUG, username=NAME)
    assert list(trial.action.prechecks(trial.acting)) == []
    (step,) = trial.action.steps(trial.acting)
    doing = Doing(token=trial.token, say=trial.said.append, check=lambda: None, seal=sealed.append)
    assert trial.probe() == Probed.CANNOT_TELL
    step.run(doing)
    verified = trial.action.verify(trial.acting)
    assert verified.is_good, verified.text
    assert trials.psql(f"SELECT failed_attempts, locked_until FROM users WHERE username = '{NAME}'") == ["0|"]
    assert (status(trials.lab, sealed[0]), status(trials.lab, OLD)) == (200, 401)
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(ActionFailed, match="nothing was changed"):
        step.run(doing)
    told = everything_about(trials.lab) + "".join([*trial.said, verified.text]).encode()
    told += "".join(trials.psql("SELECT query FROM pg_stat_statements")).encode()
    assert [form for form in forms_of(sealed[0]) if form in told] == []
    assert status(trials.lab, sealed[0]) == 200
