"""`python -m diagnostics` as a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from diagnostics.__main__ import run
from diagnostics.checks.registry import all_checks, with_requirements
from tests.diagnostics.applications import PASSWORD, Reply, running_application, token
from tests.diagnostics.brokers import wait_until
from tests.diagnostics.checks.certificates import Shop
from tests.diagnostics.servers import hanging, serving

STACK = """\
schema = 1
name = "corner-shop"
environment = "Staging"
vantage = "process"

[services.shop]
role = "api"

[services.box]
role = "queue"
"""
QUEUE = """
[queue]
service = "box"
adapter = "redis-list"
host = "127.0.0.1"
port = {port}
pending = ["letters"]
"""
LOGIN = """
[endpoints.till]
service = "shop"
url = "http://127.0.0.1:{port}"

[login]
endpoint = "till"
username = "tester"
password = "file:password"
path = "/session"
protected_path = "/me"
"""


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def described(tmp_path: Path) -> Path:
    path = tmp_path / "stack.toml"
    path.write_text(STACK + QUEUE.format(port=9))
    return path


def test_a_failing_stack_exits_1_and_shows_code_message_and_cited_line(
    described: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(described), "--suite", "database"]) == 1
    shown = capsys.readouterr().out
    assert "FAIL  database.redis  redis.refused" in shown
    assert "nobody listens there" in shown
    assert "1 | redis.refused" in shown
    assert "not applicable: database.postgres_direct" in shown


def test_json_is_one_object_and_nothing_else(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(described), "--suite", "database", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    said = {one["check"]: one["code"] for one in told["results"]}
    assert said.pop("database.redis") == "redis.refused"
    assert said.pop("database.redis_losses") == "prerequisite"
    assert said.pop("network.published_ports") == "firewall.open"
    assert set(said.values()) == {"not_applicable"}


def test_single_checks_come_with_their_prerequisites(described: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(described), "--check", "agents.workers_and_queues", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    states = {one["check"]: one["state"] for one in told["results"]}
    assert set(states) == set(with_requirements(["agents.workers_and_queues"]))
    assert [slug for slug, state in states.items() if state == "fail"] == ["database.redis"]
    assert told["coverage"]["skipped"][0]["prerequisite"] == "database.redis"


def test_where_nothing_applies_it_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stack.toml").write_text(STACK)
    assert run([str(tmp_path / "stack.toml"), "--suite", "database"]) == 3
    assert "could not look at anything" in capsys.readouterr().out


def test_mistakes_in_the_file_are_told_with_line_and_key_and_exit_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stack.toml"
    path.write_text(STACK.replace('role = "api"', 'role = "butler"') + 'colour = "red"\n')
    assert run([str(path)]) == 3
    told = capsys.readouterr()
    assert not told.out
    assert "line 7, services.shop.role: must be one of api, worker" in told.err
    assert "colour" in told.err


@pytest.mark.parametrize(
    "arguments", [["nowhere.toml"], [], ["--bogus"], ["x.toml", "--suite", "nothing"], ["x.toml", "one", "too", "many"]]
)
def test_wrong_calls_exit_3_with_one_line_and_no_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 3
    told = capsys.readouterr()
    assert not told.out
    assert told.err.strip()
    assert "Traceback" not in told.err


def test_an_unknown_check_exits_3_and_says_where_they_are_listed(
    described: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(described), "--check", "no.such"]) == 3
    assert "--list" in capsys.readouterr().err


def test_the_list_names_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(slug in shown for slug in all_checks())


def test_help_explains_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "Exit codes: 0 healthy" in capsys.readouterr().out


def test_calling_again_after_a_refused_login_does_not_try_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    replies = {"/health": Reply(200, b"ok"), "/session": Reply(401, {"detail": "no"})}
    with running_application(replies) as application:
        (tmp_path / "stack.toml").write_text(STACK + LOGIN.format(port=application.port))
        arguments = [str(tmp_path / "stack.toml"), "--check", "auth.login_probe", "--json"]
        assert run(arguments) == 1
        assert run(arguments) == 2
        assert [path for _, path, _, _ in application.asked].count("/session") == 1
        application.replies["/session"] = Reply(200, {"access_token": token()})
    assert PASSWORD not in capsys.readouterr().out


def start(path: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "diagnostics", str(path), "--suite", "database"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def family(pid: int) -> list[psutil.Process]:
    """Give everything that a call started, by its session."""
    return [one for one in psutil.process_iter() if _session_of(one.pid) == pid and one.status() != "zombie"]


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_call_ends_quietly_and_leaves_no_process(
    tmp_path: Path, number: signal.Signals, exit_code: int
) -> None:
    with serving(hanging) as port:
        (tmp_path / "stack.toml").write_text(STACK + QUEUE.format(port=port))
        process = start(tmp_path / "stack.toml")
        try:
            wait_until(lambda: len(family(process.pid)) >= 4, seconds=15)  # itself, fork server, tracker, a look
            time.sleep(0.2)
            if number is signal.SIGINT:
                os.killpg(process.pid, number)  # as a terminal does
            else:
                process.send_signal(number)
            _, errors = process.communicate(timeout=15)
            assert process.returncode == exit_code
            assert number is signal.SIGKILL or "Traceback" not in errors
            wait_until(lambda: not family(process.pid), seconds=15)
        finally:
            for one in family(process.pid):
                one.kill()


def test_a_kept_report_tells_what_changed_since(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Shop(tmp_path).write()
    path, kept = tmp_path / "stack.toml", tmp_path / "kept.json"
    path.write_text(STACK + f'[tls.shop]\nca = "{files.ca}"\n')
    asked = [str(path), "--check", "ssl.certificate_files", "--json"]
    assert run(asked) == 0
    kept.write_text(capsys.readouterr().out)
    (tmp_path / "renewed").mkdir()
    files.ca.write_bytes(Shop(tmp_path / "renewed").write().ca.read_bytes())
    assert run([*asked, "--before", str(kept)]) == 0
    (change,) = json.loads(capsys.readouterr().out)["changed"]
    assert (change["target"], change["what"]) == (str(files.ca), "sha256")
    assert run([*asked[:-1], "--before", str(kept)]) == 0
    assert f"changed: {files.ca}: sha256 is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "is no report"),
        ("[", "is no JSON"),
        ('{"format": 2}', "is no report"),
        ('{"format": 1, "stack": {"name": "another"}, "results": []}', "of stack 'another'"),
        ('{"format": 1, "stack": {"name": "corner-shop"}, "results": [1]}', "is no report"),
        (None, "kept.json"),
    ],
)
def test_what_is_no_kept_report_is_refused(
    text: str | None, said: str, described: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    if text is not None:
        kept.write_text(text)
    assert run([str(described), "--before", str(kept)]) == 3
    assert said in capsys.readouterr().err
