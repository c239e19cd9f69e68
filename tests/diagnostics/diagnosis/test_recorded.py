"""Recorded runs of the reference stack, healthy and with each of its faults (`recording.py` makes them)."""

from __future__ import annotations

import pytest

from diagnostics.diagnosis.diagnosis import Conclusion, diagnose, warns_only
from tests.diagnostics.diagnosis.recording import recorded
from tests.stacks import expectations

RECORDED = recorded()


def test_every_fault_is_recorded() -> None:
    assert sorted(RECORDED) == sorted(["healthy", *expectations()])


def test_a_healthy_stack_has_no_cause() -> None:
    diagnosis = diagnose(RECORDED["healthy"])
    assert (diagnosis.roots, diagnosis.conclusion) == ((), Conclusion.HEALTHY)


@pytest.mark.parametrize("fault", sorted(expectations()))
def test_the_cause_of_a_fault_comes_first_alone_and_grounded(fault: str) -> None:
    diagnosis = diagnose(RECORDED[fault])
    assert [root.candidate.cause.slug for root in diagnosis.roots[:1]] == [expectations()[fault].cause]
    failing = [root for root in diagnosis.roots if not warns_only(root.candidate)]
    assert len(failing) <= 1  # one root, however many red lines
    assert all(root.candidate.spans for root in diagnosis.roots)
    assert diagnosis.ranking.unexplained == ()
