"""The order of checks: prerequisites first, pointless ones skipped, and always an end."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.checks.registry import all_checks, suite, with_requirements
from diagnostics.looking.plan import Progress, next_steps, requirements_of

SLUGS = sorted(all_checks())
SETTLED = (Progress.CLEAR, Progress.BLOCKING)
outcomes = st.fixed_dictionaries({slug: st.booleans() for slug in SLUGS})
some_slugs = st.sets(st.sampled_from(SLUGS))


def carry_out(slugs: Iterable[str], blocks: dict[str, bool], order: st.DataObject) -> dict[str, str]:
    """Carry out a plan as an engine does, finishing what looks in any order; give how each check ended."""
    progress = dict.fromkeys(slugs, Progress.WAITING)
    ended: dict[str, str] = {}
    for _ in range(4 * len(progress) + 4):
        while steps := next_steps(progress):
            for step in steps:
                assert progress[step.slug] is Progress.WAITING
                requires = requirements_of(progress)[step.slug]
                if step.blocked_by:
                    assert progress[step.blocked_by] is Progress.BLOCKING
                    progress[step.slug], ended[step.slug] = Progress.BLOCKING, f"skipped: {step.blocked_by}"
                else:
                    assert all(progress[one] is Progress.CLEAR for one in requires), "looked before a prerequisite"
                    progress[step.slug] = Progress.LOOKING
        looking = sorted(slug for slug, stage in progress.items() if stage is Progress.LOOKING)
        if not looking:
            break
        slug = order.draw(st.sampled_from(looking))
        progress[slug] = Progress.BLOCKING if blocks[slug] else Progress.CLEAR
        ended[slug] = "looked"
    assert all(stage in SETTLED for stage in progress.values()), "the plan has no end"
    return ended


@given(some_slugs, outcomes, st.data())
def test_no_check_looks_before_its_prerequisites_and_every_run_ends(
    slugs: set[str], blocks: dict[str, bool], order: st.DataObject
) -> None:
    ended = carry_out(slugs, blocks, order)
    assert set(ended) == slugs


@given(outcomes, st.data())
def test_the_order_of_answers_does_not_change_what_is_looked_at(blocks: dict[str, bool], order: st.DataObject) -> None:
    kinds = [{slug: how.partition(":")[0] for slug, how in carry_out(SLUGS, blocks, order).items()} for _ in range(2)]
    assert kinds[0] == kinds[1]


@given(outcomes, st.data())
def test_a_check_is_skipped_just_where_something_that_it_requires_blocks(
    blocks: dict[str, bool], order: st.DataObject
) -> None:
    ended = carry_out(SLUGS, blocks, order)
    for slug, requires in requirements_of(SLUGS).items():
        is_blocked = any(blocks[one] or ended[one].startswith("skipped") for one in requires)
        assert ended[slug].startswith("skipped") == is_blocked


def test_what_a_check_requires_is_there_and_leads_back_to_no_check_itself() -> None:
    for slug, one in all_checks().items():
        assert set(one.requires) <= set(SLUGS), slug
        assert slug not in {above for name in one.requires for above in with_requirements([name])}, slug


def test_waiting_for_another_check_makes_no_circle() -> None:
    """`after` orders without blocking, so it counts for circles, too."""
    before = {slug: {*one.requires, *getattr(one, "after", ())} for slug, one in all_checks().items()}
    left = set(before)
    while free := {slug for slug in left if not before[slug] & left}:
        left -= free
    assert not left


def test_a_prerequisite_outside_of_the_run_holds_nothing_back() -> None:
    steps = next_steps({"auth.login_probe": Progress.WAITING})
    assert [(step.slug, step.blocked_by) for step in steps] == [("auth.login_probe", "")]


@pytest.mark.parametrize("name", ["health", "ssl", "database", "auth", "full"])
def test_a_suite_holds_what_its_checks_require(name: str) -> None:
    slugs = set(suite(name))
    assert slugs
    assert all(set(all_checks()[slug].requires) <= slugs for slug in slugs)


def test_the_full_suite_holds_every_check() -> None:
    assert sorted(suite("full")) == SLUGS


def test_what_most_others_wait_for_comes_first() -> None:
    steps = [step.slug for step in next_steps(dict.fromkeys(suite("full"), Progress.WAITING))]

    assert steps[:3] == ["network.dns", "network.published_ports", "ssl.certificate_files"]
    assert steps.index("startup.port_conflict") < steps.index("startup.logs"), "nobody waits for the logs"
