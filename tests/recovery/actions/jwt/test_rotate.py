"""The secret of a real stack of processes is rotated: tokens of before are refused, and the way back is taken."""

from __future__ import annotations

import pkgutil
import time
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions.base import Acting, ActionFailed, AlreadyDone, Doing, Probed
from awe_incidents.recovery.actions.kept_files import digest_of, exchange, is_kept
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.signing_keys import key_in, with_key
from awe_incidents.recovery.errors import ActionNotApplicable
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations.planning import planned, site_of
from deploy.awe.process import ProcessStack
from deploy.awe.process.layout import read_environment
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml, read_stack
from tests.conftest import SETUP
from tests.recovery.conftest import actor, end_of
from tests.recovery.traces import found_in

pytestmark = pytest.mark.django_db(transaction=True)
SLUG = "jwt.rotate"


@pytest.fixture
def stack(transactional_db: None, awe_stack: ProcessStack) -> Stack:
    config = read_stack(awe_stack.root / "stack.toml")
    return apply_stack(config=config, by=SETUP, at=timezone.now()).stack


def files_of(awe_stack: ProcessStack) -> list[Path]:
    services = awe_stack.settings.services
    return [awe_stack.layout.environment(name) for name in (services.api, services.worker)]


def keys_of(awe_stack: ProcessStack) -> set[str]:
    return {read_environment(path)["JWT_SECRET_KEY"] for path in files_of(awe_stack)}


def carry_out(stack: Stack, operator: User, approver: User, **document: str) -> RecoveryRequest:
    request = operations.request_action(
        stack=stack,
        slug=SLUG,
        document=document,
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because="the key has leaked",
    )
    operations.approve_request(
        request=request,
        digest=request.terms.digest,
        user=approver,
        by=actor(approver),
        at=timezone.now(),
        because="I looked",
    )
    request = RecoveryRequest.objects.get(pk=request.pk)
    operations.execute(execution_id=request.execution.pk)
    request.execution.refresh_from_db()
    return request


def end_of_job(awe_stack: ProcessStack, token: str) -> str:
    """Queue a job and give how it ended; the worker verifies the token anew."""
    job = awe_stack.client().submit("echo", {"text": "hello"}, token=token)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = str(awe_stack.client().get(f"/jobs/{job}", token=token).body.get("status", ""))
        if status in {"done", "failed", "rejected"}:
            return status
        time.sleep(0.1)
    raise AssertionError("the job has no end")


def test_a_rotation_ends_all_sessions_and_its_way_back_is_taken(
    stack: Stack,
    operator: User,
    approver: User,
    awe_stack: ProcessStack,
    signed_trail: None,
    rings: object,
    tmp_path: Path,
) -> None:
    old_token, old_keys = awe_stack.token(), keys_of(awe_stack)
    modes = [path.stat().st_mode for path in files_of(awe_stack)]
    contents = [path.read_bytes() for path in files_of(awe_stack)]
    request = carry_out(stack, operator, approver)
    assert end_of(request.execution) == ("succeeded", "whole", "done"), request.execution.outcome
    assert "is refused" in request.execution.outcome
    (new_key,) = keys_of(awe_stack)
    assert len(new_key) == 43
    assert new_key not in old_keys
    assert awe_stack.client().get("/auth/me", token=old_token).status == 401
    new_token = awe_stack.token()
    assert awe_stack.client().get("/auth/me", token=new_token).status == 200
    assert end_of_job(awe_stack, new_token) == "done"
    assert [path.stat().st_mode for path in files_of(awe_stack)] == modes
    label = str(request.terms.plan["way_back"]).split('"')[1]
    kept = [path.with_name(f"{path.name}.before-{label}") for path in files_of(awe_stack)]
    assert [path.read_bytes() for path in kept] == contents
    assert [path.stat().st_mode for path in kept] == modes
    # This form of the stack hands it to its programs in their environment; nowhere else is it to be found.
    programs = {f"/proc/{awe_stack.status()[name]['pid']}/environ" for name in awe_stack.status()}
    found = set(found_in(new_key, awe_stack.root, folder=tmp_path)) - programs - set(map(str, files_of(awe_stack)))
    assert found == set()

    back = carry_out(stack, operator, approver, put_back=label)
    assert end_of(back.execution) == ("succeeded", "whole", "done"), back.execution.outcome
    assert [path.read_bytes() for path in files_of(awe_stack)] == contents
    assert awe_stack.client().get("/auth/me", token=new_token).status == 401
    assert awe_stack.client().get("/auth/me", token=old_token).status == 200  # it was valid for longer
    awe_stack.wait_until_healthy()
    with pytest.raises(ActionNotApplicable, match="already"):
        carry_out(stack, operator, approver, put_back=label)
    for path in files_of(awe_stack):
        for one in path.parent.glob(f"{path.name}.before-*"):
            one.unlink()


def test_nothing_is_written_where_a_file_changed_or_the_label_was_used(
    stack: Stack, awe_stack: ProcessStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarted: list[str] = []
    monkeypatch.setattr(
        "awe_incidents.recovery.actions.jwt.rotate.restart_process",
        lambda site, name, *, check: restarted.append(name),
    )
    contents = {path: path.read_bytes() for path in files_of(awe_stack)}
    doing = Doing(token="awe-recovery-1-1", say=print, check=lambda: None)
    with site_of(stack) as site:
        plan = planned(site, slug=SLUG, document={})
        (step,) = plan.action.steps(plan.acting)
        assert plan.action.probe(plan.acting) == Probed.CANNOT_TELL
        label = plan.plan["way_back"].split('"')[1]
        for path in contents:  # as a worker leaves it that was killed before it replaced anything
            path.with_name(f"{path.name}.before-{label}").hardlink_to(path)
        assert list(plan.action.prechecks(plan.acting)) == []
        try:
            files_of(awe_stack)[0].write_bytes(contents[files_of(awe_stack)[0]] + b"# changed\n")
            with pytest.raises(ActionFailed, match="nothing was written"):
                step.run(doing)
            files_of(awe_stack)[0].write_bytes(contents[files_of(awe_stack)[0]])
            assert restarted == []
            step.run(doing)
            assert restarted == list(plan.acting.facts["services"])
            assert plan.action.probe(plan.acting) == Probed.FINISHED_BADLY  # nobody uses it yet
            assert [one.endswith("is there already") for one in plan.action.prechecks(plan.acting)] == [True, True]
            written = {path: path.read_bytes() for path in contents}
            with pytest.raises(AlreadyDone):
                step.run(doing)
            assert {path: path.read_bytes() for path in contents} == written
        finally:
            for path, content in contents.items():
                path.write_bytes(content)
                for one in path.parent.glob(f"{path.name}.before-*"):
                    one.unlink()
    assert [path.name for path in files_of(awe_stack)[0].parent.iterdir() if path.name.startswith(".")] == []


def test_a_lost_lease_stops_it_before_anything_is_written(stack: Stack, awe_stack: ProcessStack) -> None:
    def lost() -> None:
        raise TimeoutError("not mine any more")

    contents = [path.read_bytes() for path in files_of(awe_stack)]
    with site_of(stack) as site:
        plan = planned(site, slug=SLUG, document={})
        (step,) = plan.action.steps(plan.acting)
        with pytest.raises(TimeoutError):
            step.run(Doing(token="awe-recovery-1-1", say=print, check=lost))
    assert [path.read_bytes() for path in files_of(awe_stack)] == contents


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"A=1\nKEY=old\nB=2\n", "old"),
        (b'KEY="old"\r\nB=2\n', "old"),
        (b"export KEY = old", "old"),
        (b"# KEY=other\nKEY=o=l=d==\n", "o=l=d=="),
        (b"KEY=\n", ""),
    ],
)
def test_only_the_line_of_the_variable_is_changed(content: bytes, key: str) -> None:
    path = Path("api.env")
    assert key_in(path, content, "KEY") == key
    changed = with_key(path, content, "KEY", "new")
    assert key_in(path, changed, "KEY") == "new"
    assert len(changed.split(b"\n")) == len(content.split(b"\n"))
    assert [one for one in changed.split(b"\n") if b"new" not in one] == [
        one for one in content.split(b"\n") if not one.startswith((b"KEY", b"export"))
    ]


@pytest.mark.parametrize("content", [b"", b"OTHER=1\n", b"KEY=1\nKEY=2\n", b"MY_KEY=1\n"])
def test_a_file_without_the_one_line_is_refused(content: bytes) -> None:
    with pytest.raises(ActionNotApplicable, match="one is needed"):
        key_in(Path("api.env"), content, "KEY")


def test_a_file_that_is_the_key_alone_keeps_its_line_end() -> None:
    path = Path("secret")
    assert with_key(path, b"old\n", None, "new") == b"new\n"
    assert with_key(path, b"old", None, "new") == b"new"
    assert key_in(path, b"old\n", None) == "old"


def test_an_exchange_that_cannot_be_whole_leaves_everything_as_it_was(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        path.write_bytes(b"old")
        path.chmod(0o640)
    digests = {first: digest_of(b"old"), second: digest_of(b"another")}
    with pytest.raises(ActionFailed):
        exchange({first: b"new", second: b"new"}, digests=digests, label="x")
    (tmp_path / "second.before-x").write_bytes(b"of somebody else")
    with pytest.raises(AlreadyDone):
        exchange({first: b"new", second: b"new"}, digests=dict.fromkeys((first, second), digest_of(b"old")), label="x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second", "second.before-x"]
    (tmp_path / "second.before-x").unlink()
    exchange({first: b"new", second: b"new"}, digests=dict.fromkeys((first, second), digest_of(b"old")), label="x")
    assert {path.read_bytes() for path in (first, second)} == {b"new"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


class Killed(BaseException):
    """Nothing is cleared up after it, as after a kill."""


@pytest.mark.parametrize(
    "at", ["os.link", "awe_incidents.recovery.actions.kept_files._write_like", "pathlib.Path.replace"]
)
@pytest.mark.parametrize("after", [0, 1])
def test_an_exchange_that_was_killed_before_it_replaced_anything_is_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, after: int
) -> None:
    paths = [tmp_path / "first", tmp_path / "second"]
    for path in paths:
        path.write_bytes(b"old")
    digests = dict.fromkeys(paths, digest_of(b"old"))
    real = pkgutil.resolve_name(at)
    calls: list[Any] = []

    def killed(*arguments: Any, **more: Any) -> Any:
        if len(calls) == after:
            raise Killed
        calls.append(arguments)
        return real(*arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(at, killed)
        with pytest.raises(Killed):
            exchange(dict.fromkeys(paths, b"cut short"), digests=digests, label="x")
    if at == "pathlib.Path.replace" and after:
        assert is_kept(paths[0], "x")
        with pytest.raises(AlreadyDone):
            exchange(dict.fromkeys(paths, b"new"), digests=digests, label="x")
        assert [path.read_bytes() for path in paths] == [b"cut short", b"old"]
        return
    assert not any(is_kept(path, "x") for path in paths)
    exchange(dict.fromkeys(paths, b"new"), digests=digests, label="x")
    assert all(is_kept(path, "x") for path in paths)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {"first": b"new", "second": b"new", "first.before-x": b"old", "second.before-x": b"old"}
    assert {path.stat().st_nlink for path in paths} == {1}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("HS256", "RS256"), "shared secret"),
        (('environment_variable = "K", environment_file = "a.env"', 'value = "db:key"'), "api is kept"),
        ((', environment_file = "a.env"', ""), "api is kept"),
        (("supervised = true\n", ""), "not described as supervised"),
        (("[login]", "[unused]"), "login"),
        (("", ""), ""),
    ],
)
def test_what_is_not_described_is_said(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    text = DESCRIBED.replace(*change)
    if "[unused]" in text:
        text = text[: text.index("[unused]")]
    config = parse_toml(text, folder=tmp_path)
    one = action(SLUG)
    assert told in (one.not_applicable(config, one.parameters()) or "")
    assert bool(told) == bool(one.not_applicable(config, one.parameters()))
    assert Acting(None, one.parameters(), {}).parameters.put_back == ""  # type: ignore[arg-type]


DESCRIBED = """
schema = 1
name = "plain"
environment = "Development"
vantage = "process"
[services.api]
role = "api"
pid_file = "run/api.pid"
supervised = true
[endpoints.public]
service = "api"
url = "http://localhost:1"
[tokens]
algorithms = ["HS256"]
keys = [{ service = "api", environment_variable = "K", environment_file = "a.env" }]
[login]
endpoint = "public"
username = "probe"
password = "file:secret"
"""
