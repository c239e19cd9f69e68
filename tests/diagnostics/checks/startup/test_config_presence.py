from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from diagnostics.checks.result import Result, State
from diagnostics.redaction import Redactor
from diagnostics.stack import Service
from tests.diagnostics.brokers import running_worker, wait_until
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import KEY, codes, found, look, stack
from tests.diagnostics.rights import open_folder, without_rights

SLUG = "startup.config_presence"
GOOD = {"SIGNING_KEY": "qTz7-gbW2_u9vEwR4nYxK0pLs", "TILL_URL": "postgres://till:mN8rT2vX5z@ledger/till", "PORT": "80"}
SHIPPED = "sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"  # of "password"


def needing(folder: Path, *names: str, **more: Any) -> Service:
    return Service(
        name="postman",
        role="worker",
        pid_file=folder / "postman.pid",
        required_environment=names or tuple(GOOD),
        **more,
    )


def looked(folder: Path, one: Service) -> Result:
    return look(SLUG, stack(folder, services={"postman": one}))


def looked_with(folder: Path, environment: dict[str, str], *names: str, **more: Any) -> Result:
    with running_worker(folder, environment=environment):
        return looked(folder, needing(folder, *names, **more))


def test_what_is_set_for_real_passes_and_shows_no_value(tmp_path: Path) -> None:
    result = looked_with(tmp_path, GOOD)
    shows(HEALTHY, result)
    assert codes(result) == {"config.present"}
    for value in ("qTz7", "mN8rT2vX5z", "ledger"):
        assert value not in repr(result)


def test_equal_secrets_of_two_services_have_equal_fingerprints_and_those_of_the_marks(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with (
        running_worker(tmp_path, environment=GOOD),
        running_worker(tmp_path / "other", environment=GOOD | {"PORT": "81"}),
    ):
        one = needing(tmp_path)
        other = Service(
            name="clerk",
            role="worker",
            pid_file=tmp_path / "other" / "postman.pid",
            required_environment=tuple(GOOD),
        )
        result = look(SLUG, stack(tmp_path, services={"postman": one, "clerk": other}))
    lines = [evidence.content.splitlines() for evidence in result.evidence]
    assert lines[0][:2] == lines[1][:2]
    assert lines[0][2] != lines[1][2]
    print_of_key = Redactor(KEY).fingerprint(GOOD["SIGNING_KEY"])
    assert lines[0][0] == f"present  {print_of_key} SIGNING_KEY"
    assert print_of_key in Redactor(KEY).text(f"signing_key={GOOD['SIGNING_KEY']}").text


def test_a_missing_variable_fails_and_is_named(tmp_path: Path) -> None:
    result = looked_with(tmp_path, GOOD, "SIGNING_KEY", "SALT_OF_THE_EARTH")
    shows(fault("a required variable is missing"), result)
    finding = found(result, "config.missing")
    assert finding.state is State.FAIL
    assert finding.message == "postman: SALT_OF_THE_EARTH is not set"


@pytest.mark.parametrize("value", ["", "   ", '""', "''"])
def test_an_empty_variable_fails(tmp_path: Path, value: str) -> None:
    result = looked_with(tmp_path, {"SIGNING_KEY": value}, "SIGNING_KEY")
    shows(fault("a required variable is empty"), result)
    assert found(result, "config.empty").state is State.FAIL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIGNING_KEY", "changeme"),
        ("SIGNING_KEY", "please-change-me-in-production"),
        ("SIGNING_KEY", "your-secret-key-here"),
        ("SIGNING_KEY", "<signing key>"),
        ("SIGNING_KEY", "${SIGNING_KEY}"),
        ("SIGNING_KEY", "example-secret"),
        ("ADMIN_PASSWORD", "admin"),
        ("POSTGRES_PASSWORD", "postgres"),
        ("TILL_URL", "postgres://till:changeme@ledger/till"),
        ("TILL_URL", "redis://:secret@box:6379/0"),
        ("OTHER", "REPLACE_ME"),
    ],
)
def test_a_placeholder_warns(tmp_path: Path, name: str, value: str) -> None:
    result = looked_with(tmp_path, {name: value}, name)
    shows(fault("a secret is a placeholder"), result)
    assert found(result, "config.placeholder").state is State.WARN


def test_a_value_that_it_is_shipped_with_is_known_by_its_hash_alone(tmp_path: Path) -> None:
    result = looked_with(tmp_path, {"GREETING": "password"}, "GREETING", default_values=(SHIPPED,))
    assert found(result, "config.placeholder").message == "postman: GREETING is the value that it is shipped with"
    assert codes(looked_with(tmp_path, {"GREETING": "password"}, "GREETING")) == {"config.present"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_USER", "postgres"),
        ("DATABASE", "test"),
        ("TOOL_BASE_URL", "https://example.com/tools"),
        ("MODE", "development"),
        ("KEYBOARD", "admin"),
        ("SIGNING_KEY", "qYourJh73Example9KeyX"),
        ("TILL_URL", "postgres://admin@[::1"),
        ("EXCHANGE", "exchange-media"),
    ],
)
def test_values_that_may_be_meant_pass(tmp_path: Path, name: str, value: str) -> None:
    assert codes(looked_with(tmp_path, {name: value}, name)) == {"config.present"}


def test_a_secret_in_a_file_counts_and_a_file_that_is_not_there_fails(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("qTz7-gbW2_u9vEwR4nYxK0pLs\n")
    good = looked_with(tmp_path, {"SIGNING_KEY_FILE": str(tmp_path / "key")}, "SIGNING_KEY")
    assert Redactor(KEY).fingerprint("qTz7-gbW2_u9vEwR4nYxK0pLs") in good.evidence[0].content
    assert codes(good) == {"config.present"}
    for name in ("none", "pipe"):
        if name == "pipe":
            os.mkfifo(tmp_path / name)
        bad = looked_with(tmp_path, {"SIGNING_KEY_FILE": str(tmp_path / name)}, "SIGNING_KEY")
        assert found(bad, "config.file_unusable").state is State.FAIL


def test_a_service_that_does_not_run_is_left_to_others(tmp_path: Path) -> None:
    assert codes(looked(tmp_path, needing(tmp_path))) == {"config.no_process"}


def test_a_service_that_stands_still_is_read_all_the_same(tmp_path: Path) -> None:
    with running_worker(tmp_path, environment=GOOD) as worker:
        worker.send_signal(signal.SIGSTOP)
        wait_until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED)
        shows(HANGING, looked(tmp_path, needing(tmp_path)))


@contextlib.contextmanager
def titled(folder: Path) -> Iterator[None]:
    """Run a program that overwrites its environment, as those do that write their title there."""
    program = (
        "import ctypes, sys; fields = open('/proc/self/stat').read().rsplit(')', 1)[1].split();"
        "start, end = int(fields[47]), int(fields[48]); ctypes.memset(start, 0, end - start);"
        "print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | GOOD
    )
    assert process.stdout is not None
    process.stdout.readline()
    (folder / "postman.pid").write_text(f"{process.pid}\n")
    try:
        yield
    finally:
        process.communicate()


def test_an_environment_that_was_overwritten_could_not_be_looked_at(tmp_path: Path) -> None:
    with titled(tmp_path):
        assert found(looked(tmp_path, needing(tmp_path)), "environment_overwritten").state is State.ERROR


def test_a_stack_that_needs_nothing_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


if os.geteuid() == 0:

    def test_a_process_of_another_user_is_an_error() -> None:
        with open_folder() as folder, running_worker(folder, environment=GOOD), without_rights():
            assert found(looked(folder, needing(folder)), "not_permitted").state is State.ERROR
