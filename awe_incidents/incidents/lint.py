"""What a bug report lacks: missing and weak sections, each with what to do, and how complete the whole is (pure).

A section counts as far as it helps to find the cause; all sections together make 100. What is weak takes a part of its
section, what is missing takes all of it. Nothing here refuses a report: a thin one is better than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from awe_incidents.incidents import weakness
from awe_incidents.incidents.template import SECTIONS, TemplateFields

WHOLE = 100
WEIGHTS = {
    "environment": 5,
    "docker_compose_version": 10,
    "container_logs": 20,
    "steps_to_reproduce": 20,
    "expected_behavior": 15,
    "actual_behavior": 30,
    "screenshots": 0,
}


class Kind(NamedTuple):
    """A kind of flaw: the part of its section that it takes, what it means, and what to do."""

    part: float
    meaning: str
    advice: str


KINDS = {
    "missing": Kind(1, "The section is empty.", "Fill it in."),
    "only_comments": Kind(
        1, "The section holds HTML comments only, which nobody sees.", "Write outside of the comments."
    ),
    "placeholder": Kind(1, "The hint of the template was left as it is.", "Put your answer in its place."),
    "no_answer": Kind(1, "Words that mean nothing was said, such as n/a, TODO or ?.", "Say it, or leave it empty."),
    "too_short": Kind(0.5, "The text is too short to work with.", "Write a sentence or two, with names and numbers."),
    "vague": Kind(
        0.5,
        "The text says that something is wrong, not what.",
        "Say what you saw: the message, the status code, the address, and for whom and since when.",
    ),
    "same_as_actual": Kind(
        0.5, "It repeats what actually happens.", "Say what you would have seen if all had been well."
    ),
    "not_listed": Kind(
        0.5,
        "The steps cannot be told apart.",
        "Write each step on a line of its own, numbered in the order you took them.",
    ),
    "no_log_line": Kind(
        0.5,
        "No line looks like a log: none has a time stamp, a level, a service in front or a stack trace.",
        "Paste lines as they stand, for example from `docker compose logs --timestamps --since 15m`.",
    ),
    "no_version": Kind(0.5, "There is no version number in it.", "Paste what `docker compose version` prints."),
    "engine_version": Kind(
        0.5, "It is the version of the Docker engine.", "Paste what `docker compose version` prints instead."
    ),
    "not_the_stacks": Kind(
        0,
        "The stack's description names another environment.",
        "Check that the report names the right stack; if it does, its description is wrong.",
    ),
}


class Flaw(NamedTuple):
    """One thing to mend: in which section, what kind of flaw it is, and how many points of 100 it takes."""

    section: str
    code: str
    weight: int

    @property
    def message(self) -> str:
        """Say what is wrong and what to do."""
        kind = KINDS[self.code]
        return f"{SECTIONS[self.section].label}: {kind.meaning} {kind.advice}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, worst first, and the score from 0 to 100."""

    flaws: tuple[Flaw, ...]
    completeness: int


def lint(report: TemplateFields, *, environment: str) -> Verdict:
    """Judge a report; `environment` is the one that the stack's description names."""
    flaws = [_flaw(name, code) for name in SECTIONS for code in _codes(name, report, environment)]
    flaws.sort(key=lambda flaw: -flaw.weight)
    return Verdict(tuple(flaws), WHOLE - sum(flaw.weight for flaw in flaws))


def _flaw(name: str, code: str) -> Flaw:
    return Flaw(name, code, round(WEIGHTS[name] * KINDS[code].part))


def _codes(name: str, report: TemplateFields, environment: str) -> Iterator[str]:
    text: str = getattr(report, name)
    if code := weakness.emptiness(name, text):
        if name != "screenshots" or code not in ("missing", "no_answer"):  # a picture only where one applies
            yield code
    else:
        yield from _WEAK[name](text, report, environment)


def _environment(text: str, report: TemplateFields, environment: str) -> Iterator[str]:
    if text != environment:
        yield "not_the_stacks"


def _version(text: str, report: TemplateFields, environment: str) -> Iterator[str]:
    if not weakness.has_version(text):
        yield "no_version"
    elif weakness.is_engine_version(text):
        yield "engine_version"


def _logs(text: str, report: TemplateFields, environment: str) -> Iterator[str]:
    if not weakness.has_log_line(text):
        yield "no_log_line"


def _steps(text: str, report: TemplateFields, environment: str) -> Iterator[str]:
    if weakness.size_of(text) < weakness.SHORT:
        yield "too_short"
    if not weakness.has_steps(text):
        yield "not_listed"


def _expected(text: str, report: TemplateFields, environment: str) -> Iterator[str]:
    if text.strip() == report.actual_behavior.strip():
        yield "same_as_actual"
    elif weakness.size_of(text) < weakness.SHORT:
        yield "too_short"


def _actual(text: str, report: TemplateFields, environment: str) -> Iterator[str]:
    if weakness.is_vague(text):
        yield "vague"
    elif weakness.size_of(text) < weakness.SHORT:
        yield "too_short"


def _nothing(text: str, report: TemplateFields, environment: str) -> Iterator[str]:
    yield from ()


_WEAK: dict[str, Callable[[str, TemplateFields, str], Iterator[str]]] = {
    "environment": _environment,
    "docker_compose_version": _version,
    "container_logs": _logs,
    "steps_to_reproduce": _steps,
    "expected_behavior": _expected,
    "actual_behavior": _actual,
    "screenshots": _nothing,
}
