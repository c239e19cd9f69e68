"""The secret of the deployment in containers is rotated; curl, docker and a job tell, and the way back is taken."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from awe_incidents.recovery.actions.container_config import CONFIG_HASH
from deploy.awe.compose import ComposeStack
from deploy.awe.process.layout import read_environment
from tests.docker.actions.conftest import Trials
from tests.recovery.traces import forms_of

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SLUG, VARIABLE = "jwt.rotate", "JWT_SECRET_KEY"


@pytest.fixture(autouse=True)
def _as_before(lab: ComposeStack) -> Iterator[None]:
    """Put the deployment back as compose makes it, whatever came of the test."""
    path = lab.root / ".env"
    content = path.read_bytes()
    yield
    path.write_bytes(content)
    for kept in lab.root.glob(".env.before-*"):
        kept.unlink()
    lab.compose("up", "-d")
    lab.wait_until_healthy()


def curl(lab: ComposeStack, path: str, *, token: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Ask with plain curl, which reads the token from its standard input."""
    files = ["--cacert", "certs/ca/ca.crt", "--cert", "certs/client/client.crt", "--key", "certs/client/client.key"]
    data = ["--data", json.dumps(body), "-H", "Content-Type: application/json"] if body is not None else []
    address = f"https://localhost:{lab.settings.port}{path}"
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *files, *data, "-H", "@-", address],
        input=f"Authorization: Bearer {token}",
        cwd=lab.root,
        capture_output=True,
        text=True,
        check=True,
    )
    answer, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(answer)


def end_of_job(lab: ComposeStack, token: str) -> str:
    status, job = curl(lab, "/jobs", token=token, body={"tool": "echo", "args": {"text": "hello"}})
    assert status == 202
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        _, found = curl(lab, f"/jobs/{job['id']}", token=token)
        if found.get("status") in {"done", "failed", "rejected"}:
            return str(found["status"])
        time.sleep(0.2)
    raise AssertionError("the job has no end")


def variable_of(lab: ComposeStack, service: str) -> str:
    entries = lab.inspect(service)["Config"]["Env"]
    return str(dict(entry.split("=", 1) for entry in entries)[VARIABLE])


def but_for_the_key(lab: ComposeStack, service: str) -> dict[str, Any]:
    """Give what a container is, without what every container has of its own."""
    seen = lab.inspect(service)
    config, short_id = seen["Config"], seen["Id"][:12]
    networks = {
        name: sorted(alias for alias in one["Aliases"] or [] if alias != short_id)
        for name, one in seen["NetworkSettings"]["Networks"].items()
    }
    own = {"Hostname", "Env", "Labels"}
    return {
        "name": seen["Name"],
        "image": seen["Image"],
        "networks": networks,
        "mounts": sorted(mount["Destination"] for mount in seen["Mounts"]),
        "labels": {name: value for name, value in config["Labels"].items() if name != CONFIG_HASH},
        "config": {name: value for name, value in config.items() if name not in own},
        "environment": sorted(entry for entry in config["Env"] if not entry.startswith(VARIABLE)),
        "host": seen["HostConfig"],
    }


def test_a_rotation_reaches_api_and_worker_and_its_way_back_is_taken(trials: Trials) -> None:
    lab, names = trials.lab, trials.lab.settings.names
    services = (names.api, names.worker)
    old_token, old_key = lab.token(), lab.secret(VARIABLE)
    before, content = {name: but_for_the_key(lab, name) for name in services}, (lab.root / ".env").read_bytes()
    mode = (lab.root / ".env").stat().st_mode
    trial = trials.plan(SLUG)
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    new_key = read_environment(lab.root / ".env")[VARIABLE]
    assert new_key != old_key
    assert {variable_of(lab, name) for name in services} == {new_key}
    assert {name: but_for_the_key(lab, name) for name in services} == before
    assert curl(lab, "/auth/me", token=old_token)[0] == 401
    new_token = lab.token()
    assert curl(lab, "/auth/me", token=new_token)[0] == 200
    assert end_of_job(lab, new_token) == "done"
    (kept,) = lab.root.glob(".env.before-*")
    assert (kept.read_bytes(), kept.stat().st_mode, (lab.root / ".env").stat().st_mode) == (content, mode, mode)
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    told = "".join([*trial.said, verified.text, json.dumps([dict(verified.before), dict(verified.after)])])
    told += "".join(lab.container(name).logs().decode() for name in services)
    told += subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert [form for key in (new_key, old_key) for form in forms_of(key) if form in told.encode()] == []

    back = trials.plan(SLUG, put_back=kept.name.removeprefix(".env.before-"))
    returned = back.run()
    assert returned.is_good, returned.text
    assert (lab.root / ".env").read_bytes() == content
    assert curl(lab, "/auth/me", token=new_token)[0] == 401
    assert curl(lab, "/auth/me", token=old_token)[0] == 200  # it was valid for longer
    assert end_of_job(lab, old_token) == "done"


def test_keys_that_differ_are_one_again(trials: Trials) -> None:
    """What a diagnosis finds as signing_keys_differ: the worker was started with another key than the api."""
    lab, worker = trials.lab, trials.lab.settings.names.worker
    path = lab.root / ".env"
    content = path.read_text()
    path.write_text(content.replace(lab.secret(VARIABLE), "another-key-of-the-worker-alone-4711"))
    lab.compose("up", "-d", "--no-deps", worker)
    path.write_text(content)
    assert end_of_job(lab, lab.token()) == "rejected"  # by the new worker: the former one has stopped
    verified = trials.plan(SLUG).run()
    assert verified.is_good, verified.text
    assert end_of_job(lab, lab.token()) == "done"
