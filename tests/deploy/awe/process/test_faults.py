from __future__ import annotations

import os
import signal
import time

import pytest

from deploy.awe.process import ProcessStack
from deploy.awe.process.errors import FaultActive, FaultUnknown
from deploy.awe.process.faults import active_faults, all_faults, break_stack, find_fault, mend_stack
from tests.stacks import broken, expectations

SLUGS = [fault.slug for fault in all_faults()]


def test_every_fault_has_an_expectation_and_every_expectation_a_fault() -> None:
    assert sorted(expectations()) == sorted(SLUGS)


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FaultUnknown, match="worker-stuck"):
        find_fault("sun-spots")


@pytest.mark.parametrize("slug", SLUGS)
def test_a_fault_breaks_the_stack_and_is_mended(slug: str, awe_stack: ProcessStack) -> None:
    awe_stack.wait_until_healthy()  # says what is wrong where the fault before has left something
    with broken(awe_stack, slug):
        assert find_fault(slug)(awe_stack).is_broken()
        assert awe_stack.problems() != []
        assert active_faults(awe_stack) == [slug]
    assert not find_fault(slug)(awe_stack).is_broken()
    assert awe_stack.problems() == []
    assert active_faults(awe_stack) == []


@pytest.mark.parametrize("slug", SLUGS)
def test_a_fault_does_the_same_to_a_renamed_stack(slug: str, renamed_awe_stack: ProcessStack) -> None:
    with broken(renamed_awe_stack, slug):
        assert find_fault(slug)(renamed_awe_stack).is_broken()
    assert renamed_awe_stack.problems() == []


def test_a_fault_leaves_the_other_stack_alone(awe_stack: ProcessStack, renamed_awe_stack: ProcessStack) -> None:
    with broken(renamed_awe_stack, "database-stopped"):
        assert awe_stack.problems() == []


def test_a_fault_that_is_there_is_not_made_twice(awe_stack: ProcessStack) -> None:
    with broken(awe_stack, "client-cert-foreign-ca"), pytest.raises(FaultActive):
        break_stack(awe_stack, "client-cert-foreign-ca")


def test_two_faults_are_mended_one_after_the_other(awe_stack: ProcessStack) -> None:
    with broken(awe_stack, "jwt-secret-mismatch"):
        with broken(awe_stack, "client-cert-foreign-ca"):
            assert active_faults(awe_stack) == ["client-cert-foreign-ca", "jwt-secret-mismatch"]
        assert find_fault("jwt-secret-mismatch")(awe_stack).is_broken()


def test_mending_what_is_not_broken_is_harmless(awe_stack: ProcessStack) -> None:
    for slug in ("client-cert-foreign-ca", "database-stopped", "database-wrong-password"):
        mend_stack(awe_stack, slug)
    assert awe_stack.problems() == []


def test_a_program_that_gave_up_while_something_was_broken_is_started_again(awe_stack: ProcessStack) -> None:
    worker = awe_stack.settings.services.worker
    deadline = time.monotonic() + 60
    while awe_stack.status()[worker]["state"] != "failed":
        assert time.monotonic() < deadline
        if pid := awe_stack.status()[worker]["pid"]:
            os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.2)
    assert awe_stack.problems() != []
    mend_stack(awe_stack, "worker-stuck")
    assert awe_stack.problems() == []
