"""What a stack knows of itself: captured from real files and programs, redacted, bounded, and why not where not."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagnostics.looking.capture import CAPTURES, take_capture
from diagnostics.looking.capturing import MAX_TEXT_BYTES, Captured, CaptureRequest
from diagnostics.stack import parse_toml

KEY = b"k" * 32
UNTIL = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
STACK = """
schema = 1
name = "shop"
environment = "Staging"
vantage = "{vantage}"
{more}
[services.api]
role = "api"
log_files = ["api.log"]

[services.worker]
role = "worker"
log_files = ["worker.log"]

[services.database]
role = "database"
"""
ENGINE = '[engine]\nurl = "unix:///nowhere.sock"\nproject = "shop"'


def capture(folder: Path, name: str, *, text: str = STACK, vantage: str = "process", **more: Any) -> Captured:
    stack = parse_toml(text.format(vantage=vantage, more=ENGINE if vantage == "container" else ""), folder=folder)
    return take_capture(CaptureRequest(name, stack, UNTIL, KEY, **more))


def stamped(minutes_before: float, words: str) -> str:
    return f"{UNTIL - timedelta(minutes=minutes_before):%Y-%m-%dT%H:%M:%SZ} {words}\n"


def test_the_environment_is_the_descriptions(tmp_path: Path) -> None:
    found = capture(tmp_path, "environment")
    assert (found.text, found.source, found.reason) == ("Staging", "the stack's description", "")
    assert found.captured_at.tzinfo is not None


def test_processes_have_no_compose_version_and_say_why(tmp_path: Path) -> None:
    found = capture(tmp_path, "docker_compose_version")
    assert found.text == ""
    assert found.reason == "the stack is described as processes: Docker Compose does not run it"


def test_containers_have_the_version_of_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-compose"
    program.write_text("#!/bin/sh\necho docker-compose version 1.29.2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = capture(tmp_path, "docker_compose_version", vantage="container")
    assert found.text == "docker-compose version 1.29.2"
    assert found.source == "`docker-compose version`, where the service's worker runs"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    found = capture(tmp_path, "docker_compose_version", vantage="container")
    assert (found.text, "cannot be run here" in found.reason) == ("", True)


def test_logs_of_the_window_stand_with_their_service_in_front(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text(stamped(60, "old") + stamped(14, "ERROR one") + "  second line\n")
    (tmp_path / "worker.log").write_text(stamped(2, "two"))
    found = capture(tmp_path, "container_logs")
    assert found.text.splitlines() == [
        "api | 2026-11-23T09:46:00Z ERROR one",
        "api |   second line",
        "worker | 2026-11-23T09:58:00Z two",
    ]
    assert found.source == "log files of api, worker, from 15 min before the report was filed"


def test_what_of_the_logs_cannot_be_had_is_told_beside_the_rest(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text(stamped(1, "here"))
    found = capture(tmp_path, "container_logs")
    assert found.text.startswith("api | 2026-11-23T09:59:00Z here\n[worker: ")
    assert "worker.log" in found.text


def test_without_any_log_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text(stamped(60, "old"))
    os.mkfifo(tmp_path / "worker.log")
    found = capture(tmp_path, "container_logs")
    assert found.text == ""
    assert f"api: nothing was written to {tmp_path}/api.log in the window" in found.reason
    assert "worker: " in found.reason
    assert capture(
        tmp_path,
        "container_logs",
        text=STACK.replace("log_files", "listens").replace("api.log", "a:1").replace("worker.log", "b:2"),
    ).reason == ("no service of the stack's description names log_files")


def test_secrets_are_gone_before_anything_leaves(tmp_path: Path) -> None:
    stored = "correct-horse-battery-staple"
    text = (
        STACK
        + '\n[databases.main]\nservice = "database"\nhost = "h"\nport = 1\n'
        + 'dbname = "d"\nuser = "u"\npassword = "db:main"\n'
    )
    (tmp_path / "api.log").write_text(stamped(1, f"PASSWORD=hunter2hunter2 and {stored}"))
    found = capture(tmp_path, "container_logs", text=text, stored_secrets={"main": stored})
    assert "hunter2hunter2" not in found.text
    assert stored not in found.text
    assert sum(found.redactions.values()) == 2
    assert found.rule_set_version


def test_a_key_over_many_lines_is_gone_though_lines_are_marked(tmp_path: Path) -> None:
    body = "\n".join("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ" for _ in range(10))
    key = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    (tmp_path / "api.log").write_text(stamped(1, "loading") + key + stamped(1, "loaded"))
    found = capture(tmp_path, "container_logs")
    assert "MIIEvQ" not in found.text
    assert "loaded" in found.text


@pytest.mark.parametrize("line", ["x" * 200, "\u05e9\U0001f525" * 40, "password=" + "\u05e9" * 50])
def test_a_capture_is_bounded_in_bytes_and_breaks_no_character(tmp_path: Path, line: str) -> None:
    for name in ("api.log", "worker.log"):
        (tmp_path / name).write_text("".join(stamped(1, f"{number} {line}") for number in range(5_000)))
    found = capture(tmp_path, "container_logs")
    assert len(found.text.encode()) <= MAX_TEXT_BYTES + 100
    assert found.dropped_bytes > 1_000_000 if len(line) > 100 else found.dropped_bytes > 0
    assert "\ufffd" not in found.text


def test_a_single_endless_line_is_bounded_too(tmp_path: Path) -> None:
    (tmp_path / "api.log").write_text("\u05e9" * 1_000_000)
    found = capture(tmp_path, "container_logs")
    assert len(found.text.encode()) + len(found.reason) <= MAX_TEXT_BYTES + 200


def test_a_bug_of_ours_is_an_answer_without_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> str:
        raise RuntimeError("hunter2")

    monkeypatch.setitem(CAPTURES, "environment", CAPTURES["environment"]._replace(take=broken))
    found = capture(tmp_path, "environment")
    assert found.reason == "the capture itself failed: RuntimeError"
