"""A finished incident with everything that the desk shows, and an administrator."""

from __future__ import annotations

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import filing
from diagnostics.checks.result import State
from diagnostics.models import Stack
from tests.api.trail import signing
from tests.conftest import SETUP
from tests.triage.world import Answer, carry_out, file

__all__ = ["signing"]  # a fixture

FAILING = "database.redis"


@pytest.fixture(autouse=True)
def _few_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let filing ask for the smallest suite: two answers show as much as sixteen, and cost less."""
    monkeypatch.setattr(filing, "FILING_SUITE", "database")


@pytest.fixture
def administrator(db: None) -> User:
    """A person without roles who administers people and tokens."""
    user = create_user(username="administrator", roles=[], password=None, by=SETUP, at=timezone.now())
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    user.refresh_from_db()
    return user


@pytest.fixture
def incident(stack: Stack, reporter: User) -> Incident:
    """An incident of the reporter with a report and a finished run in which one check failed."""
    report, run = file(stack, reporter)
    carry_out(run, {FAILING: Answer(State.FAIL, "port.taken")})
    return report.incident
