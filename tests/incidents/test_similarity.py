"""The score of two incidents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.incidents.similarity import Traits, similarity

TRAITS = st.builds(
    Traits,
    cause=st.sampled_from(["", "port_taken", "disk_full"]),
    subject=st.sampled_from(["api", "worker"]),
    signatures=st.frozensets(st.sampled_from([f"log.rd-0{number}" for number in range(6)])),
)


def lines(*numbers: int) -> frozenset[str]:
    return frozenset(f"log.rd-0{number}" for number in numbers)


def test_cause_subject_and_lines_add_up() -> None:
    one = Traits("disk_full", "database", lines(1, 2))
    assert similarity(one, one).score == 1
    assert similarity(one, Traits("disk_full", "worker", lines(1, 2))).score == 0.9
    assert similarity(one, Traits("disk_full", "worker")).score == 0.6
    found = similarity(one, Traits("port_taken", "database", lines(2, 3, 4)))
    assert (found.score, found.same_cause, found.same_subject, found.signatures) == (
        0.075,
        False,
        False,
        ("log.rd-02",),
    )


def test_two_without_a_cause_have_none_in_common() -> None:
    found = similarity(Traits(subject="api"), Traits(subject="api"))
    assert (found.score, found.same_cause, found.same_subject) == (0, False, False)


@given(TRAITS, TRAITS)
def test_it_is_the_same_both_ways_and_says_nothing_only_of_what_shares_nothing(one: Traits, other: Traits) -> None:
    found = similarity(one, other)
    assert found == similarity(other, one)
    assert 0 <= found.score <= 1
    assert bool(found.score) == (found.same_cause or bool(found.signatures))
