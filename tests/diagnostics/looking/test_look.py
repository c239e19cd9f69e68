"""One look: whatever happens in it becomes a result, redacted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from diagnostics.checks.base import Check
from diagnostics.checks.result import Finding, Result, State
from diagnostics.checks.seeing import Seeing
from diagnostics.looking import LookRequest, take_look
from diagnostics.probes.could_not_look import CouldNotLook, DeadlineReached, NotPermitted
from diagnostics.stack import SecretReference
from tests.diagnostics import looks

PASSWORD = "hunter2-hunter2-hunter2"

Behavior = Callable[[Seeing], Iterator[Finding]]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Behavior], Result]:
    """Look with a check that behaves as the test says."""

    def carry_out(behavior: Behavior) -> Result:
        @dataclass(frozen=True, kw_only=True)
        class Made(Check):
            slug: ClassVar[str] = "made.up"
            title: ClassVar[str] = "made up"
            suites: ClassVar[frozenset[str]] = frozenset()

            def look(self, seeing: Seeing) -> Iterator[Finding]:
                return behavior(seeing)

        monkeypatch.setattr("diagnostics.looking.look.check", lambda slug: Made())
        request = LookRequest(
            slug="made.up", stack=looks.stack(tmp_path), redaction_key=looks.KEY, handed={"auth.token": PASSWORD}
        )
        return take_look(request).result

    return carry_out


def found(state: State, code: str) -> Finding:
    return Finding(state=state, code=code, message=code)


def refuse(error: Exception) -> Finding:
    raise error


def test_the_worst_finding_leads(look: Callable[[Behavior], Result]) -> None:
    result = look(lambda seeing: iter([found(State.PASS, "a"), found(State.FAIL, "b"), found(State.ERROR, "c")]))
    assert (result.state, result.leading.code) == (State.FAIL, "b")
    assert [one.code for one in result.findings] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CouldNotLook("no", code="odd.reason"), "odd.reason"),
        (DeadlineReached("late"), "deadline"),
        (NotPermitted("closed"), "not_permitted"),
        (ValueError("a bug"), "check.failed"),
        (RecursionError(), "check.failed"),
        (MemoryError(), "check.failed"),
    ],
)
def test_what_keeps_a_check_from_looking_is_an_error_and_no_fail(
    look: Callable[[Behavior], Result], error: Exception, code: str
) -> None:
    def behave(seeing: Seeing) -> Iterator[Finding]:
        yield refuse(error)

    result = look(behave)
    assert (result.state, result.leading.code) == (State.ERROR, code)


def test_a_check_that_finds_nothing_is_a_bug_that_is_told(look: Callable[[Behavior], Result]) -> None:
    assert look(lambda seeing: iter(())).leading.code == "check.failed"


def test_what_was_seen_before_a_failure_is_kept(look: Callable[[Behavior], Result]) -> None:
    def behave(seeing: Seeing) -> Iterator[Finding]:
        seeing.keep("command", source="first", content="seen")
        yield refuse(CouldNotLook("then it broke"))

    assert [one.content for one in look(behave).evidence] == ["seen"]


def test_secrets_leave_neither_in_evidence_nor_in_the_words_of_errors(look: Callable[[Behavior], Result]) -> None:
    def behave(seeing: Seeing) -> Iterator[Finding]:
        seeing.keep("command", source=f"curl -H {PASSWORD}", content=f"sent {PASSWORD}")
        yield refuse(ValueError(f"cannot connect with {PASSWORD}"))

    result = look(behave)
    assert PASSWORD not in repr(result)
    assert "cannot connect with" in result.leading.message


def test_a_missing_secret_is_an_error_that_names_the_reference(look: Callable[[Behavior], Result]) -> None:
    def behave(seeing: Seeing) -> Iterator[Finding]:
        seeing.secret(SecretReference("env", "NO_SUCH_NAME_HERE"))
        yield found(State.PASS, "never")

    result = look(behave)
    assert (result.state, result.leading.code) == (State.ERROR, "secret_unavailable")
    assert "NO_SUCH_NAME_HERE" in result.leading.message


def test_a_handover_that_is_not_there_is_an_error(look: Callable[[Behavior], Result]) -> None:
    def behave(seeing: Seeing) -> Iterator[Finding]:
        assert seeing.handed_over("auth.token") == PASSWORD
        seeing.handed_over("something.else")
        yield found(State.PASS, "never")

    assert look(behave).leading.code == "handover_missing"
