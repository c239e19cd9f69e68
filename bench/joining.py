"""Joining alike reports: precision and recall on labelled wordings that chose nothing; the cost of a comparison."""

from __future__ import annotations

import itertools
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_incidents.incidents.likeness import THRESHOLD, Profile, likeness, profile_of
from bench.harness.figure import figure

WORDINGS = Path(__file__).parent / "wordings.toml"
HELD_OUT = "held_out"
LEAST_PRECISION = 0.95  # a wrong join hides a problem in another one's incident
LEAST_RECALL = 0.7  # a join that is missed costs an operator one step
MOST_MICROSECONDS = 1_000.0  # for one comparison, of at most 20 a report


@dataclass(frozen=True, slots=True)
class Wording:
    """One report of a problem."""

    problem: str
    number: int
    profile: Profile


@dataclass(frozen=True, slots=True)
class Decisions:
    """How reports were decided on, with one report of every problem as the open incidents."""

    right: int
    wrong: int
    missed: int
    new: int  # rightly opened

    @property
    def precision(self) -> float:
        """Give the share of joins that are right."""
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        """Give the share of reports that joined where their problem was open."""
        return self.right / (self.right + self.wrong + self.missed)


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield precision and recall of decisions on the wordings held out, and the time of a comparison."""
    known = wordings(HELD_OUT)
    decided = decide(known)
    beside = f"{decided.right} right, {decided.wrong} wrong, {decided.missed} missed, {decided.new} rightly new"
    precise, found = decided.precision, decided.recall
    yield figure("joining_precision", precise, "of joins", beside=beside, ratio=precise, least_ratio=LEAST_PRECISION)
    yield figure("joining_recall", found, "of reports", beside=beside, ratio=found, least_ratio=LEAST_RECALL)
    pairs = list(itertools.product(known, known))
    began = time.perf_counter()
    for mine, other in pairs:
        likeness(mine.profile, other.profile)
    took = (time.perf_counter() - began) / len(pairs) * 1e6
    yield figure("joining_comparison", took, "us", most=MOST_MICROSECONDS)


def wordings(which: str) -> list[Wording]:
    """Give the wordings of the `tuning` or the `held_out` problems."""
    problems = tomllib.loads(WORDINGS.read_text())["problem"]
    return [
        Wording(problem["name"], number, profile_of(said=report["said"], logs=report["logs"]))
        for problem in problems
        if problem["set"] == which
        for number, report in enumerate(problem["report"])
    ]


def decide(known: list[Wording], *, threshold: float = THRESHOLD) -> Decisions:
    """Decide on every report as filing does; in turn each wording of the problems is the one that is open already."""
    seen: Counter[str] = Counter()
    for lead in sorted({one.number for one in known}):
        open_ones = [one for one in known if one.number == lead]
        seen.update(_decided(one, open_ones, threshold) for one in known)
    return Decisions(seen["right"], seen["wrong"], seen["missed"], seen["new"])


def _decided(report: Wording, open_ones: list[Wording], threshold: float) -> str:
    """Decide on a report among incidents of other reports; its own, if it opened one, is taken to be closed."""
    others = [one for one in open_ones if one is not report]
    score, best = max((likeness(report.profile, one.profile).score, one.problem) for one in others)
    if score >= threshold:
        return "right" if best == report.problem else "wrong"
    return "missed" if any(one.problem == report.problem for one in others) else "new"
