"""The faults of the design of recovery are tested one by one: none is left out, and none is of another's words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from docs.recovery_fault_page import recovery_fault_page, tried_by_case
from tests.recovery.faults import ENDS, FAULTS

DESIGN = Path(os.environ.get("AWE_DESIGN_DIR", Path(__file__).resolve().parents[2] / "../shared/design"))
GIVEN = DESIGN / "recovery.md"


@pytest.mark.skipif(not GIVEN.exists(), reason=f"the design is not at {GIVEN}; set AWE_DESIGN_DIR")
def test_the_list_is_that_of_the_design_word_by_word() -> None:
    section = GIVEN.read_text().partition("## Faults that must end as stated")[2].partition("\n\n")[0]
    given = re.sub(r"\s+", " ", section.partition("\n")[2]).strip().rstrip(".")
    ours = " · ".join(f"{one.happens}: {one.ends}" if one.ends else one.happens for one in FAULTS)
    assert ours == given


def test_every_fault_says_how_it_ends() -> None:
    assert {one.happens for one in FAULTS if not one.ends} == set(ENDS)


def test_every_case_has_a_test() -> None:
    cases = [case for fault in FAULTS for case in fault.cases]
    assert len(set(cases)) == len(cases)
    assert set(tried_by_case()) == set(cases)


def test_a_case_without_a_test_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docs.recovery_fault_page.FAULTS", (*FAULTS[:1], FAULTS[0].__class__("x", "y", ("untried",))))
    with pytest.raises(LookupError, match="untried"):
        recovery_fault_page("")
