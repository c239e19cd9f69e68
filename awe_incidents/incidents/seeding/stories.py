"""What happens: problems of a stack, and how far their incidents came; played through the operations."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.incidents.models import BugReport, Incident
from awe_incidents.incidents.operations import classify_incident, file_bug_report, move_incident
from awe_incidents.incidents.operations.prefilling import claim_prefill, entry_of, store_prefill
from awe_incidents.incidents.states import Category, Severity
from diagnostics.checks.registry import check
from diagnostics.checks.result import Evidence, Finding, Result, State
from diagnostics.looking import CAPTURES, Captured
from diagnostics.looking.look import VANTAGE, Look
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations import start_run
from diagnostics.operations.looks import claim_check, store_look
from diagnostics.states import ResultProgress

MARKS = ("quaxaq", "quaxbq", "quaxcq")  # words of a story that are other ones in every incident
_RULES = "demonstration"
_UNKNOWN = "the demonstration has none"
_LOOK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One kind of problem, as `problems.toml` has it."""

    weight: int
    category: str
    suite: str
    failing: str
    code: str
    finding: str
    happened: str
    logs: str
    beside: tuple[str, ...] = ()

    def fields(self, environment: str) -> Mapping[str, str]:
        """Give the report that somebody files."""
        return {
            "environment": environment,
            "docker_compose_version": "Docker Compose version v2.29.7",
            "container_logs": self.logs,
            "steps_to_reproduce": "1. Open the application\n2. Log in\n3. Do what is described below",
            "expected_behavior": "It works as it did before.",
            "actual_behavior": self.happened,
            "screenshots": "none",
        }


def problems() -> list[Problem]:
    """Give every problem of the demonstration."""
    document = tomllib.loads(Path(__file__).with_name("problems.toml").read_text())
    return [Problem(**entry) for entry in document["problem"]]


@dataclass(frozen=True, slots=True)
class Course:
    """How an incident goes on: steps after so many minutes; `until` which age that is as frequent as it says."""

    name: str
    weight: int
    steps: tuple[tuple[str, int], ...]  # action of the incident's states, or "classify"
    until: timedelta = timedelta.max
    weight_then: int = 0  # of older incidents, which were forgotten

    @property
    def lasts(self) -> timedelta:
        """Give the time from the report to the last step."""
        return timedelta(minutes=self.steps[-1][1] if self.steps else 2)


_DAY = 24 * 60
COURSES = (
    Course("new", 30, (), until=timedelta(days=3), weight_then=2),
    Course("taken up", 30, (("acknowledge", 12), ("classify", 14)), until=timedelta(days=14), weight_then=2),
    Course("resolved", 18, (("acknowledge", 8), ("classify", 11), ("resolve", 310))),
    Course("closed", 40, (("acknowledge", 6), ("classify", 9), ("resolve", 1 * _DAY), ("close", 8 * _DAY))),
    Course("closed at once", 16, (("classify", 20), ("resolve", 35), ("close", 3 * _DAY))),
    Course("back again", 4, (("resolve", 90), ("reopen", 2 * _DAY), ("classify", 2 * _DAY + 5), ("resolve", 5 * _DAY))),
)
_SEVERITIES = {"database": Severity.HIGH, "ssl": Severity.CRITICAL, "performance": Severity.LOW}
_BECAUSE = {"resolve": "The cause was found and mended.", "reopen": "It happened again."}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who files, and who triages."""

    reporter: User
    operator: User


def begin(problem: Problem, *, stack: Stack, cast: Cast, at: datetime) -> Incident:
    """Let the operations write how a story begins: a report, and the run that looks."""
    filed = file_bug_report(
        stack=stack,
        fields=problem.fields(stack.environment),
        reporter=cast.reporter,
        by=_actor(cast.reporter),
        at=at,
        new_incident=True,  # or it would join one that is there already
        suite_name=problem.suite,
    )
    _prefill(filed.report, problem, at=at + _LOOK)
    start_run(run_id=filed.run.pk, at=at + _LOOK, only=(problem.failing, *problem.beside))
    _look(filed.run, problem, at=at + _LOOK)
    return filed.report.incident


def go_on(incident: Incident, problem: Problem, course: Course, *, cast: Cast, at: datetime) -> None:
    """Let the operations write what was done then."""
    for action, minutes in course.steps:
        _step(incident, action, problem, cast=cast, at=at + timedelta(minutes=minutes))


def _actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk, address="192.0.2.10")


def _step(incident: Incident, action: str, problem: Problem, *, cast: Cast, at: datetime) -> None:
    if action == "classify":
        severity, category = _SEVERITIES.get(problem.category, Severity.MEDIUM), Category(problem.category)
        classify_incident(
            incident=incident, severity=severity, category=category, user=cast.operator, by=_actor(cast.operator), at=at
        )
        return
    because, despite = _BECAUSE.get(action, ""), "nobody looked again" if action == "resolve" else ""
    move_incident(
        incident=incident,
        action=action,
        user=cast.operator,
        by=_actor(cast.operator),
        at=at,
        because=because,
        despite_failed_checks=despite,
    )


def _prefill(report: BugReport, problem: Problem, *, at: datetime) -> None:
    """Let a worker capture what the stack knows: its logs, and no more."""
    said = {"container_logs": problem.logs, "environment": report.environment}
    fields = {}
    for name, one in CAPTURES.items():
        text, reason = said.get(name, ""), "" if name in said else _UNKNOWN
        fields[name] = entry_of(Captured(captured_at=at, source=one.source, text=text, reason=reason))
    store_prefill(row=claim_prefill(report_id=report.pk), fields=fields, at=at)


def _look(run: Run, problem: Problem, *, at: datetime) -> None:
    """Claim what is ready and store what is seen, as workers do, until the run is finished."""
    ready = CheckResult.objects.filter(run=run, progress=ResultProgress.READY).order_by("slug")
    while (row := ready.first()) is not None:
        at += _LOOK
        store_look(row=claim_check(result_id=row.pk), look=Look(_result(row, problem, at=at)), at=at)


def _result(row: CheckResult, problem: Problem, *, at: datetime) -> Result:
    fails = row.slug == problem.failing
    keeps = fails or _is_noted(row.slug)
    content = problem.logs.strip() if fails else f"{check(row.slug).title}: nothing that stands out"
    seen = Evidence(key="e1", kind="log_excerpt", source=f"{row.slug}.log", content=content, rule_set_version=_RULES)
    finding = Finding(
        state=State.FAIL if fails else State.PASS,
        code=problem.code if fails else f"{row.slug.partition('.')[2]}.fine",
        message=problem.finding if fails else "as it should be",
        citations=(seen.whole(),) if keeps else (),
    )
    return Result(
        check=row.slug,
        version=row.version,
        findings=(finding,),
        evidence=(seen,) if keeps else (),
        started_at=at,
        duration_ms=40 + len(row.slug) * 7,
        vantage=VANTAGE,
    )


def _is_noted(slug: str) -> bool:
    """Say whether a check that passes keeps what it saw; about a third do."""
    return hashlib.sha256(slug.encode()).digest()[0] < 85
