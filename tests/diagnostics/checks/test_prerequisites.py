"""Every check without what it needs: the stack describes nothing for it, or what it requires is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.checks.registry import all_checks, check
from diagnostics.checks.result import Finding, State
from diagnostics.looking.plan import Progress, Step, next_steps
from diagnostics.looking.session import without_look
from tests.diagnostics.checks.matrix import MISSING, shows
from tests.diagnostics.looks import look, stack

WITH_REQUIREMENTS = [slug for slug, one in all_checks().items() if one.requires]
WITHOUT_REQUIREMENTS = [slug for slug, one in all_checks().items() if not one.requires]


@pytest.mark.parametrize("slug", WITH_REQUIREMENTS)
def test_a_check_is_skipped_and_names_what_it_requires(slug: str) -> None:
    for required in check(slug).requires:
        progress = dict.fromkeys(check(slug).requires, Progress.CLEAR)
        steps = next_steps({**progress, required: Progress.BLOCKING, slug: Progress.WAITING})
        assert steps == [Step(slug, required)]
    finding = Finding(state=State.SKIP, code="prerequisite", message="not looked at")
    result = without_look(slug, finding, prerequisite=check(slug).requires[0])
    assert result.is_blocking
    shows(MISSING, result)


@pytest.mark.parametrize("slug", WITHOUT_REQUIREMENTS)
def test_a_check_does_not_apply_where_nothing_is_described_for_it(slug: str, tmp_path: Path) -> None:
    result = look(slug, stack(tmp_path))
    assert result.state is State.SKIP
    assert not result.is_blocking
    shows(MISSING, result)
