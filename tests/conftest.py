"""Fixtures for everybody: the database, the cast, and the rule that nothing is skipped needlessly."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import TransactionTestCase
from django.utils import timezone
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user, issue_token
from awe_incidents.accounts.roles import Role, scopes_of
from awe_incidents.actor import service
from awe_incidents.audit import signed
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests import database

SETUP = service("test")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests/recovery/test_emergency.py write the page that it tells."""
    parser.addoption("--write-story", action="store_true", help="write docs/emergency-story.md anew")


# How fast a machine is that others use, too, is no matter of a test; CI tries the same examples every time.
IN_CI = bool(os.environ.get("CI"))
settings.register_profile("awe", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=IN_CI)
settings.load_profile("awe")

# A shell lets what runs in the background ignore Ctrl-C, and programs that tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

PLAIN_STACK = """
schema = 1
name = "plain"
environment = "Development"
vantage = "process"

[services.api]
role = "api"
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Make one database per test process."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        database.make_database(name)
        yield
        database.remove_database(name)


def _empty_as_owner(self: TransactionTestCase) -> None:
    """Clean up after a transactional test: the application's role may not TRUNCATE, as it must not."""
    from django.db import connection

    database.empty_tables(str(connection.settings_dict["NAME"]))


# For good and not by a fixture: pytest-django cleans up after all fixtures are gone.
TransactionTestCase._fixture_teardown = _empty_as_owner  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _never_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test without a signer take longer than the minute after which nothing is approved without one."""
    monkeypatch.setattr(signed, "SILENT_SECONDS", 3600.0)


def _person(name: str, *roles: Role) -> User:
    return create_user(username=name, roles=roles, password=None, by=SETUP, at=timezone.now())


@pytest.fixture
def reporter(db: None) -> User:
    """A person who files bug reports."""
    return _person("reporter", Role.REPORTER)


@pytest.fixture
def other_reporter(db: None) -> User:
    """Another one."""
    return _person("other-reporter", Role.REPORTER)


@pytest.fixture
def operator(db: None) -> User:
    """A person who triages."""
    return _person("operator", Role.OPERATOR)


@pytest.fixture
def approver(db: None) -> User:
    """A person who approves."""
    return _person("approver", Role.APPROVER)


@pytest.fixture
def auditor(db: None) -> User:
    """A person who audits."""
    return _person("auditor", Role.AUDITOR)


@pytest.fixture
def stack(db: None, tmp_path: Path) -> Stack:
    """A stack with one service and nothing to look at."""
    return apply_stack(config=parse_toml(PLAIN_STACK, folder=tmp_path), by=SETUP, at=timezone.now()).stack


def client_of(user: User) -> APIClient:
    """Give an API client that carries a token with everything that the person's roles allow."""
    now = timezone.now()
    token = issue_token(
        user=user,
        name="test",
        scopes=scopes_of(user.roles),
        expires_at=now + timedelta(days=1),
        by=SETUP,
        at=now,
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.text}")
    return client


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only root can try, for an ordinary user: becoming another user, making a network."""
    if os.geteuid() != 0:
        out_of_reach = [item for item in items if item.get_closest_marker("as_root")]
        config.hook.pytest_deselected(items=out_of_reach)
        items[:] = [item for item in items if item not in out_of_reach]


_skipped: list[str] = []


# Published material and a Debian package that a clone alone does not have; only CI must have them.
MATERIAL = ("AWE_VECTORS_DIR", "AWE_DESIGN_DIR", "pgbouncer is not installed here")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped though it should run here."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    is_material = any(name in str(report.longrepr) for name in MATERIAL)
    if not is_material or os.environ.get("CI"):
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the gate when a test that should run here was skipped."""
    if os.environ.get("AWE_NO_NEEDLESS_SKIPS") and _skipped and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nSkipped in the gate, though they should run here: {', '.join(_skipped)}")
