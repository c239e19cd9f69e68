"""Reads of diagnostics."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from diagnostics import operations, queries
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
