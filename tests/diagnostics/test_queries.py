"""Reads of diagnostics."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from diagnostics import operations, queries
from diagnostics.models import Stack
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP


@pytest.mark.django_db
def test_a_secret_is_known_to_the_redactor_as_soon_as_it_is_stored(tmp_path: Path) -> None:
    config = parse_toml(PLAIN_STACK, folder=tmp_path)
    stack = operations.apply_stack(config=config, by=SETUP, at=timezone.now()).stack
    said = "the log says tr0ub4dor&3-battery in passing"
    assert queries.redactor_of(stack).text(said).text == said

    operations.set_stack_secret(stack=stack, name="db", value="tr0ub4dor&3-battery", by=SETUP, at=timezone.now())

    stack = queries.stack_named(stack.name)
    assert "tr0ub4dor" not in queries.redactor_of(stack).text(said).text


WITH_SECRETS = f"""{PLAIN_STACK}
[services.cache]
role = "queue"

[queue]
service = "cache"
adapter = "redis-list"
host = "127.0.0.1"
port = 6379
password = "file:password"
pending = ["jobs"]

[services.store]
role = "database"

[databases.main]
service = "store"
host = "127.0.0.1"
port = 5432
dbname = "awe"
user = "awe"
password = "env:AWE_TEST_ROTATED"
"""
OLD, NEW, NEWEST = "walnut-harbor-1", "copper-meadow-2", "silent-lantern-3"


def _rotated(tmp_path: Path) -> Stack:
    config = parse_toml(WITH_SECRETS, folder=tmp_path)
    return operations.apply_stack(config=config, by=SETUP, at=timezone.now()).stack


@pytest.mark.django_db
def test_a_secret_rotated_in_its_file_is_known_at_the_next_text(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(OLD)
    stack = _rotated(tmp_path)
    assert OLD not in queries.redactor_of(stack).text(f"saw {OLD}").text

    (tmp_path / "password").write_text(NEW)  # in place, with the same length
    assert NEW not in queries.redactor_of(stack).text(f"saw {NEW}").text

    (tmp_path / "beside").write_text(NEWEST)
    (tmp_path / "beside").replace(tmp_path / "password")  # as careful programs do
    assert NEWEST not in queries.redactor_of(stack).text(f"saw {NEWEST}").text


@pytest.mark.django_db
def test_a_secret_that_appears_or_goes_breaks_nothing(tmp_path: Path) -> None:
    stack = _rotated(tmp_path)
    assert queries.redactor_of(stack).text(f"saw {NEW}").text == f"saw {NEW}"
    (tmp_path / "password").write_text(NEW)
    assert NEW not in queries.redactor_of(stack).text(f"saw {NEW}").text
    (tmp_path / "password").unlink()
    assert queries.redactor_of(stack).text(f"saw {NEW}").text == f"saw {NEW}"


@pytest.mark.django_db
def test_a_secret_rotated_in_the_environment_is_known_at_the_next_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = _rotated(tmp_path)
    monkeypatch.setenv("AWE_TEST_ROTATED", OLD)
    assert OLD not in queries.redactor_of(stack).text(f"saw {OLD}").text
    monkeypatch.setenv("AWE_TEST_ROTATED", NEW)
    assert NEW not in queries.redactor_of(stack).text(f"saw {NEW}").text


@pytest.mark.django_db
def test_a_redactor_is_kept_while_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(OLD)
    stack = _rotated(tmp_path)
    assert queries.redactor_of(stack) is queries.redactor_of(queries.stack_named(stack.name))
