"""What goes on all the time looks at no month that is long over, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from awe_incidents import monthly
from awe_incidents.growth import operations as growth
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations import sweep
from diagnostics.queries import EARLIER_RUNS, earlier_result, looking_on, results_of

pytestmark = pytest.mark.django_db(transaction=True)
BACK = 12
LONG_OVER = f"diagnostics_checkresult_{monthly.months_later(monthly.month_of(timezone.now()), -BACK)}"


@pytest.fixture(autouse=True)
def _many_months(transactional_db: None) -> None:
    growth.make_months(at=timezone.now(), back=BACK)


def run_of(stack: Stack, *, days_ago: float = 0) -> Run:
    at = timezone.now() - timedelta(days=days_ago)
    return Run.objects.create(stack=stack, suite="full", reason="", requested_at=at, rung_at=at)


def plans_of(do: Callable[[], object]) -> list[str]:
    """Give the plan of every query that reads results."""
    with CaptureQueriesContext(connection) as sent:
        do()
    reads = [one["sql"] for one in sent if "diagnostics_checkresult" in one["sql"] and one["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        plans = []
        for sql in reads:
            cursor.execute(f"EXPLAIN {sql}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    return plans


def test_all_months_are_looked_at_where_nothing_is_said(stack: Stack) -> None:
    """Else the other tests here could not fail."""
    run = run_of(stack)
    assert LONG_OVER in plans_of(lambda: list(CheckResult.objects.filter(run=run)))[0]


def test_the_sweeper_looks_at_recent_months_only(stack: Stack) -> None:
    run_of(stack)
    plans = plans_of(lambda: sweep(at=timezone.now()))
    assert len(plans) >= 2
    assert not [plan for plan in plans if LONG_OVER in plan]


def test_a_young_run_and_a_claim_look_at_recent_months_only(stack: Stack) -> None:
    run = run_of(stack)
    row = CheckResult.objects.create(run=run, slug="a.b", version=1)
    run_of(stack)
    for do in (lambda: list(results_of(run)), lambda: looking_on(stack.pk), lambda: earlier_result(row)):
        assert not [plan for plan in plans_of(do) if LONG_OVER in plan]


def test_an_old_run_keeps_its_results_and_so_does_one_of_before_months(stack: Stack) -> None:
    old = run_of(stack, days_ago=200)
    month = monthly.first_id(monthly.month_of(old.requested_at))
    for number, key in enumerate((month + 5, 17)):
        CheckResult.objects.create(id=key, run=old, slug=f"a.{number}", version=1)
    assert results_of(old).count() == 2


def test_a_clock_of_ours_that_is_ahead_hides_nothing(stack: Stack) -> None:
    ahead = run_of(stack, days_ago=-400)
    CheckResult.objects.create(run=ahead, slug="a.b", version=1)
    assert results_of(ahead).count() == 1


def stored(run: Run, state: str, code: str) -> CheckResult:
    at = run.requested_at
    return CheckResult.objects.create(
        run=run, slug="a.b", version=1, progress="stored", state=state, code=code, started_at=at
    )


def test_how_a_check_ended_before_is_looked_for_in_the_newest_runs_only(stack: Stack) -> None:
    stored(run_of(stack), "fail", "long.ago")
    between: QuerySet[Run] = Run.objects.filter(pk__in=[run_of(stack).pk for _ in range(EARLIER_RUNS - 1)])
    row = CheckResult.objects.create(run=run_of(stack), slug="a.b", version=1)
    found = earlier_result(row)
    assert found is not None
    assert found.code == "long.ago"

    run = between.order_by("-pk")[0]
    stored(run, "warn", "lately")
    later = CheckResult.objects.create(run=run_of(stack), slug="a.b", version=1)
    newest = earlier_result(later)
    assert newest is not None
    assert newest.code == "lately"

    for _ in range(EARLIER_RUNS):
        run_of(stack)
    assert earlier_result(CheckResult.objects.create(run=run_of(stack), slug="a.b", version=1)) is None
