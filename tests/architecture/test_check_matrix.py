"""Every check was seen healthy, at a real fault, without its prerequisite, and with a target that hangs."""

from __future__ import annotations

import json

import pytest

from diagnostics.checks.registry import all_checks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, MISSING, PLACE

MATRIX = json.loads(PLACE.read_text())


def test_the_matrix_has_every_check_and_no_other() -> None:
    assert sorted(MATRIX) == sorted(all_checks())


@pytest.mark.parametrize("slug", sorted(all_checks()))
def test_a_check_was_seen_in_every_situation(slug: str) -> None:
    seen = MATRIX[slug]
    assert {HEALTHY, MISSING, HANGING} <= seen.keys()
    assert seen[HEALTHY].startswith("pass ")
    assert any(what.startswith(("fail ", "warn ")) for situation, what in seen.items() if situation.startswith("fault"))
