"""Which checks may go next, and which have become pointless: pure, so that the database and the shell share it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from diagnostics.checks.registry import check


class Progress(StrEnum):
    """Where a check of a run stands, as far as its dependants care."""

    WAITING = "waiting"  # not started
    LOOKING = "looking"  # claimed or running
    CLEAR = "clear"  # done; dependants may look
    BLOCKING = "blocking"  # done; dependants would only repeat its failure


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a waiting check: look, or skip because of `blocked_by`."""

    slug: str
    blocked_by: str = ""


def requirements_of(slugs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Give each check's prerequisites among the given checks."""
    wanted = set(slugs)
    return {slug: tuple(one for one in check(slug).requires if one in wanted) for slug in sorted(wanted)}


def next_steps(progress: Mapping[str, Progress]) -> list[Step]:
    """Give the waiting checks that can be decided now; apply the skips and call again until nothing comes.

    A check looks when all its prerequisites are clear and all that it goes after is done; it is skipped as soon as a
    prerequisite blocks. What most others wait for comes first, as the longest chain decides when a run ends.
    """
    steps = []
    for slug, requires in requirements_of(progress).items():
        if progress[slug] is not Progress.WAITING:
            continue
        blocker = next((one for one in requires if progress[one] is Progress.BLOCKING), "")
        if blocker or (all(progress[one] is Progress.CLEAR for one in requires) and _is_its_turn(slug, progress)):
            steps.append(Step(slug, blocker))
    followers = _followers(frozenset(progress))
    return sorted(steps, key=lambda step: (-followers[step.slug], step.slug))


@lru_cache(maxsize=64)
def _followers(slugs: frozenset[str]) -> Counter[str]:
    """Count for each check how many of the others wait for it, directly or by way of another."""
    waits_for = {slug: slugs & {*check(slug).requires, *check(slug).after} for slug in slugs}
    counts = Counter[str]()
    for slug in slugs:
        before, pending = set[str](), set(waits_for[slug])
        while pending:
            before.add(one := pending.pop())
            pending |= waits_for[one] - before
        counts.update(before)
    return counts


def _is_its_turn(slug: str, progress: Mapping[str, Progress]) -> bool:
    done = {Progress.CLEAR, Progress.BLOCKING}
    return all(progress[one] in done for one in check(slug).after if one in progress)
