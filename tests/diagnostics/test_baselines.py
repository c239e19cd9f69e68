"""What is usual on a stack is learned from good looks only, and forgotten with an entry."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from awe_incidents.audit.models import Entry
from diagnostics import operations, queries
from diagnostics.checks.result import Finding, Result, State
from diagnostics.looking.look import Look
from diagnostics.models import CheckBaseline, CheckResult, Stack
from diagnostics.operations import looks
from tests.conftest import PLAIN_STACK, SETUP

pytestmark = pytest.mark.django_db

SLUG = "startup.logs"


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    from diagnostics.stack import parse_toml

    return operations.apply_stack(config=parse_toml(PLAIN_STACK, folder=tmp_path), by=SETUP, at=timezone.now()).stack


def store(stack: Stack, learned: dict[str, float]) -> None:
    """Run one check of a run of its own, with this answer."""
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    operations.start_run(run_id=run.pk, at=timezone.now())
    CheckResult.objects.filter(run=run, slug=SLUG).update(progress="ready", ready_at=timezone.now())
    row = looks.claim_check(result_id=CheckResult.objects.get(run=run, slug=SLUG).pk)
    finding = Finding(state=State.PASS, code="fine", message="fine")
    result = Result(
        check=SLUG,
        version=1,
        findings=(finding,),
        evidence=(),
        started_at=timezone.now(),
        duration_ms=1,
        vantage="worker",
    )
    assert looks.store_look(row=row, look=Look(result, learning=learned), at=timezone.now())
    operations.runs.close_run(run_id=run.pk, code="test", message="test", at=timezone.now())


def test_good_values_are_there_at_the_next_look(stack: Stack) -> None:
    for value in range(6):
        store(stack, {"lines": float(value)})
    assert queries.baseline_of(stack, SLUG).values == {"lines": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}
    run = operations.request_run(stack=stack, suite_name="full", reason="test", at=timezone.now())
    operations.start_run(run_id=run.pk, at=timezone.now())
    request = queries.look_request(run.results.get(slug=SLUG))
    usual = request.baseline.usual("lines")
    assert usual is not None
    assert usual.median == 2.5


def test_stacks_and_checks_learn_apart(stack: Stack) -> None:
    store(stack, {"lines": 1.0})
    assert queries.baseline_of(stack, "database.redis").values == {}


def test_forgetting_is_recorded_with_its_reason(stack: Stack) -> None:
    store(stack, {"lines": 1.0})
    call_command("forget_baseline", stack.name, because="moved to a faster disk", check=SLUG)
    assert not CheckBaseline.objects.exists()
    entry = Entry.objects.get(verb="stack:baseline_forgotten")
    assert SLUG.encode() in bytes(entry.body)


def test_an_unknown_check_or_stack_is_said(stack: Stack) -> None:
    with pytest.raises(CommandError, match="no check"):
        call_command("forget_baseline", stack.name, because="x", check="no.such")
    with pytest.raises(CommandError, match="no stack"):
        call_command("forget_baseline", "nobody", because="x")
