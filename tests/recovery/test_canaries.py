"""A secret that an action knows or makes is found nowhere, whatever the action does with it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from django.utils import timezone

from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import ParametersInvalid
from awe_incidents.recovery.models import RecoveryRequest
from diagnostics.models import EvidenceText, Stack
from diagnostics.operations import set_stack_secret
from tests.conftest import SETUP, client_of
from tests.leaks.canaries import KEY_BODY
from tests.recovery.acting import LOG, MADE
from tests.recovery.conftest import World, end_of
from tests.recovery.test_emergency import exported, wait_until_all_is_signed
from tests.recovery.test_lost_workers import start
from tests.recovery.traces import Watch, forms_of, found_in

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "canary/of+the-Stack=0815 & 'm\u00f6re\""
MARK = "no secret/at+all=4711 & 'm\u00f6re\""  # stays where it is put


@pytest.fixture(autouse=True)
def _secret(stack: Stack) -> None:
    set_stack_secret(stack=stack, name="canary", value=CANARY, by=SETUP, at=timezone.now())


@pytest.mark.parametrize(
    ("mood", "state"),
    [("well", "succeeded"), ("refuses", "failed"), ("breaks", "outcome_unknown"), ("lies", "verify_failed")],
)
@pytest.mark.recovery_fault(
    "secret in what is said", counted="traces in database, trail, Redis, files, processes, answers, logs"
)
def test_an_action_that_gives_secrets_away_leaves_no_trace(
    world: World, signed_trail: None, tmp_path: Path, mood: str, state: str
) -> None:
    request = world.ask("test.leak", mood=mood)
    execution = world.approve(request).execution
    with Watch() as watch:
        process = start(execution)
        said, _ = process.communicate(timeout=120)
    assert end_of(execution)[0] == state, said
    address = f"/api/v1/recovery-requests/{request.pk}/"
    shown = [client_of(world.operator).get(address + page).content for page in ("", "output/")]
    assert execution.output.count() > 10, said
    assert CANARY in (world.root / LOG).read_text()  # so much is there to be seen at the target
    (world.root / LOG).unlink()
    wait_until_all_is_signed()
    exported(tmp_path)
    for secret in (CANARY, MADE, KEY_BODY):
        assert found_in(secret, world.root, folder=tmp_path) == []
        assert watch.saw(secret) == []
        assert [form for form in forms_of(secret) if form in said.encode() + b"".join(shown)] == []
    assert "ConnectionResetError: lost:" in said or mood != "breaks"
    assert "RuntimeError: not like" in said or mood != "lies"


def test_what_looks_for_traces_finds_them(world: World, signed_trail: None, tmp_path: Path) -> None:
    world.ask()
    assert found_in("recovery_request:requested", folder=tmp_path) == ["the database", "the trail"]
    evidence = {"compressed": zlib.compress(json.dumps([MARK]).encode()), "size_bytes": 1, "line_count": 1}
    EvidenceText.objects.create(sha256="0" * 64, **evidence)
    (tmp_path / "some.log").write_text(base64.b64encode(f"it is {MARK}".encode()).decode())
    with Watch() as watch, _told_to_redis(base64.b64encode(json.dumps({"it": MARK}).encode())), _in_a_process() as pid:
        assert set(found_in(MARK, tmp_path, folder=tmp_path)) == {
            *("the database", "Redis", str(tmp_path / "some.log"), f"/proc/{pid}/environ", f"/proc/{pid}/cmdline")
        }
    assert len(watch.saw(MARK)) > 1
    (tmp_path / "some.log").unlink()
    EvidenceText.objects.all().delete()
    assert found_in(MARK, tmp_path, folder=tmp_path) == []


@contextmanager
def _told_to_redis(value: bytes) -> Iterator[None]:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.rpush("some-queue", value)
        try:
            yield
        finally:
            client.delete("some-queue")


@contextmanager
def _in_a_process() -> Iterator[int]:
    """Give the number of a process with the mark in its command line and its environment."""
    argv = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", MARK]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, env={**os.environ, "MARK": MARK}, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.communicate()


@pytest.mark.parametrize("secret", [CANARY, f"prefix {CANARY}", "postgresql://app:Quartz-4711-x@db/main"])
@pytest.mark.recovery_fault("secret in parameters", counted="traces in database, trail, Redis, files, processes")
def test_parameters_with_a_secret_are_refused_and_not_kept(world: World, tmp_path: Path, secret: str) -> None:
    with pytest.raises(ParametersInvalid) as refused:
        _ask(world, secret)
    assert refused.value.problems[0][0] == "user"
    assert secret not in str(refused.value)
    assert not RecoveryRequest.objects.exists()
    assert found_in(secret, world.root, folder=tmp_path) == []


def test_an_address_may_be_a_name(world: World) -> None:
    assert _ask(world, "somebody@example.org").terms.affected_user == "somebody@example.org"


def _ask(world: World, name: str) -> RecoveryRequest:
    return operations.request_action(
        stack=world.stack,
        slug="test.write",
        document={"file": "target", "user": name},
        user=world.operator,
        by=SETUP,
        at=timezone.now(),
        because="it is broken",
    )
