"""The shell's memory of refused logins."""

from __future__ import annotations

import dataclasses
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diagnostics.checks.result import Finding, Result, State, only_finding
from diagnostics.looking.refusals import CHECK, recall, remember
from diagnostics.stack import Login, SecretReference
from tests.diagnostics import looks

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
LOGIN = Login(endpoint="till", username="tester", password=SecretReference("file", "password"))


def result(state: State, code: str = "login.locked", check: str = CHECK) -> Result:
    finding = Finding(state=state, code=code, message="m")
    return only_finding(check=check, version=1, finding=finding, at=NOW, vantage="worker")


def test_a_refusal_is_remembered_for_its_stack_and_account_only(tmp_path: Path) -> None:
    stack, place = looks.stack(tmp_path, login=LOGIN), tmp_path / "new" / "refusals.json"
    assert recall(stack, place=place) == {}
    remember(stack, [result(State.FAIL)], place=place, at=NOW)
    assert (recall(stack, place=place)[CHECK].code, recall(stack, place=place)[CHECK].at) == ("login.locked", NOW)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "tester" not in place.read_text()
    for other in (
        dataclasses.replace(stack, name="another"),
        dataclasses.replace(stack, login=dataclasses.replace(LOGIN, username="somebody-else")),
    ):
        assert recall(other, place=place) == {}


def test_a_good_login_forgets_it_and_a_skipped_one_does_not(tmp_path: Path) -> None:
    stack, place = looks.stack(tmp_path, login=LOGIN), tmp_path / "refusals.json"
    remember(stack, [result(State.FAIL)], place=place, at=NOW)
    for state in (State.SKIP, State.ERROR):
        remember(stack, [result(state), result(State.PASS, check="database.redis")], place=place, at=NOW)
        assert recall(stack, place=place)
    remember(stack, [result(State.PASS)], place=place, at=NOW)
    assert recall(stack, place=place) == {}


def test_old_refusals_are_dropped(tmp_path: Path) -> None:
    first, second, place = looks.stack(tmp_path / "a"), looks.stack(tmp_path / "b"), tmp_path / "refusals.json"
    remember(first, [result(State.FAIL)], place=place, at=NOW - timedelta(days=2))
    remember(second, [result(State.FAIL)], place=place, at=NOW)
    assert recall(first, place=place) == {}
    assert recall(second, place=place)


@pytest.mark.parametrize("content", [b"", b"garbage", b"[]", b'{"x": 5}', b"\xff\xfe", b"[" * 50_000])
def test_a_file_of_somebody_else_remembers_nothing_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    stack, place = looks.stack(tmp_path), tmp_path / "refusals.json"
    place.write_bytes(content)
    assert recall(stack, place=place) == {}
    remember(stack, [result(State.FAIL)], place=place, at=NOW)
    assert recall(stack, place=place)
