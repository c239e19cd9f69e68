"""The labelled wordings: as good as docs/joining.md says."""

from __future__ import annotations

import pytest

from bench.joining import HELD_OUT, WORDINGS, Decisions, decide, wordings

TABLE = {"tuning": Decisions(74, 2, 16, 43), HELD_OUT: Decisions(76, 0, 20, 48)}


@pytest.mark.parametrize("which", TABLE)
def test_decisions_are_those_of_the_page(which: str) -> None:
    assert decide(wordings(which)) == TABLE[which]
    page = (WORDINGS.parent.parent / "docs" / "joining.md").read_text()
    numbers = TABLE[which]
    assert f"| {numbers.right} | {numbers.wrong} | {numbers.missed} | {numbers.new} |" in page


def test_a_threshold_above_all_scores_joins_nothing() -> None:
    known = wordings(HELD_OUT)
    with pytest.raises(ZeroDivisionError):
        _ = decide(known, threshold=1.1).precision
    assert decide(known, threshold=1.1).right == 0
