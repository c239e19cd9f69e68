"""The overview: right figures, few and bounded queries."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.triage import dashboard
from diagnostics.models import Run, Stack
from tests.triage.conftest import FAILING
from tests.triage.world import carry_out, file, signed_in


def overview(user: User) -> Any:
    answer = signed_in(user).get("/admin/")
    assert answer.status_code == 200
    return answer.context


def figures(context: Any, state: str) -> dict[str, int]:
    return {tile.words: tile.number for tile in dict(context["waiting"])[state]}


def test_incidents_that_wait_are_counted_by_state_and_severity(stack: Stack, operator: User) -> None:
    numbers = [file(stack, operator)[0].incident.pk for _ in range(4)]
    Incident.objects.filter(pk=numbers[0]).update(state="acknowledged", severity="high")
    Incident.objects.filter(pk=numbers[1]).update(severity="critical")
    Incident.objects.filter(pk=numbers[2]).update(state="closed")
    context = overview(operator)
    assert figures(context, "open") == {"all": 2, "critical": 1, "high": 0, "medium": 0, "low": 0}
    assert figures(context, "acknowledged") == {"all": 1, "critical": 0, "high": 1, "medium": 0, "low": 0}


def test_runs_of_the_last_day_are_counted_by_outcome(incident: Incident, stack: Stack, operator: User) -> None:
    carry_out(file(stack, operator)[1])
    old = carry_out(file(stack, operator)[1])
    file(stack, operator)
    Run.objects.filter(pk=old.pk).update(requested_at=timezone.now() - timedelta(hours=25))
    outcomes = {tile.words: tile.number for tile in overview(operator)["run_outcomes"]}
    assert outcomes == {"fail": 1, "error": 0, "warn": 0, "pass": 1, "running": 1}


def test_failing_checks_are_those_of_the_last_finished_run(incident: Incident, stack: Stack, operator: User) -> None:
    lines = overview(operator)["stacks"]
    assert [row.slug for row, _ in lines[0]["failures"]] == [FAILING]
    carry_out(file(stack, operator)[1])
    file(stack, operator)  # queued: it says nothing yet
    assert overview(operator)["stacks"][0]["failures"] == []


def test_the_plot_has_every_day_and_counts_each(stack: Stack, operator: User) -> None:
    now = timezone.now()
    for days in (0, 0, 3, 29, 45):
        pk = file(stack, operator)[0].incident.pk
        Incident.objects.filter(pk=pk).update(opened_at=now - timedelta(days=days))
    plot = json.loads(overview(operator)["plot"])
    bars = plot["datasets"][0]["data"]
    assert len(bars) == len(plot["labels"]) == 30
    assert (bars[-1], bars[-4], bars[0], sum(bars)) == (2, 1, 1, 4)


def test_a_reporter_sees_figures_of_own_incidents_only(
    stack: Stack, incident: Incident, reporter: User, other_reporter: User
) -> None:
    file(stack, other_reporter)
    context = overview(reporter)
    assert figures(context, "open")["all"] == 1
    assert sum(json.loads(context["plot"])["datasets"][0]["data"]) == 1
    assert sum(tile.number for tile in context["run_outcomes"]) == 1
    assert [one.pk for one in context["newest"]] == [incident.pk]
    assert "stacks" not in context


def test_who_has_no_role_is_told_so(administrator: User) -> None:
    assert overview(administrator)["has_no_role"]


def test_figures_stop_at_the_bound(stack: Stack, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "MAX_COUNTED", 3)
    monkeypatch.setattr(dashboard, "MAX_PLOTTED", 3)
    for _ in range(5):
        file(stack, operator)
    context = overview(operator)
    assert figures(context, "open")["all"] == 3
    assert sum(json.loads(context["plot"])["datasets"][0]["data"]) == 3


def test_the_overview_costs_the_same_with_many_rows(
    stack: Stack, operator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(8):
        carry_out(file(stack, operator)[1])
    client = signed_in(operator)
    with django_assert_max_num_queries(16):
        assert client.get("/admin/").status_code == 200
