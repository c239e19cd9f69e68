"""What a session found, its verdict, and its stable JSON form (`FORMAT` 1, told to readers by docs/report.md).

The JSON object:
  format        1; grows by new keys only, a change of meaning is a new number
  stack         {name, environment, vantage}
  suite, started_at (ISO 8601, UTC), seconds
  verdict       healthy | unhealthy | inconclusive | could_not_look; exit_code 0 | 1 | 2 | 3
  causes        of what failed, likeliest first; with `coverage`, `refuted`, `unexplained`, `deciding`, `changed` and
                `suggested` as diagnostics/diagnosis/diagnosis.py describes them: a cause cites what shows it
  results       one per check, by slug: {check, version, title, runbook, state, code, message, target, prerequisite,
                vantage, started_at, duration_ms, next_checks, findings, evidence}
  findings      {state, code, message, target, measured {name: {value, unit, lasts if it does}}, threshold {name, value,
                unit, source, reference} or null, citations [{evidence, first_line, last_line}], next_checks}; the worst
                is the result's own code
  evidence      {key, kind, source, content (redacted), first_line, captured_from, captured_until, sha256,
                rule_set_version, redactions {rule: count}, dropped_bytes}

A citation's lines are 1-based positions in the evidence's content. Secrets stand nowhere: evidence is redacted at
capture, and what checks hand to each other is not part of a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from diagnostics.checks.registry import check
from diagnostics.checks.result import Evidence, Finding, Result, State
from diagnostics.diagnosis.changes import Before
from diagnostics.diagnosis.coverage import Coverage
from diagnostics.diagnosis.diagnosis import Conclusion, Diagnosis, diagnose
from diagnostics.diagnosis.observed import Observed
from diagnostics.stack import StackConfig

FORMAT = 1
Json = dict[str, Any]
DIAGNOSED = ("coverage", "causes", "refuted", "unexplained", "deciding", "changed", "suggested")


class Verdict(StrEnum):
    """What a session says of the stack."""

    HEALTHY = "healthy"  # everything that applies was looked at, and nothing failed
    UNHEALTHY = "unhealthy"  # something failed, and there is a cause for it
    INCONCLUSIVE = "inconclusive"  # something failed and no cause is known, or something could not be looked at
    COULD_NOT_LOOK = "could_not_look"  # nothing was looked at


VERDICT_OF = {
    Conclusion.HEALTHY: Verdict.HEALTHY,
    Conclusion.DIAGNOSED: Verdict.UNHEALTHY,
    Conclusion.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    Conclusion.COULD_NOT_LOOK: Verdict.COULD_NOT_LOOK,
}
EXIT_CODES = {Verdict.HEALTHY: 0, Verdict.UNHEALTHY: 1, Verdict.INCONCLUSIVE: 2, Verdict.COULD_NOT_LOOK: 3}


@dataclass(frozen=True, kw_only=True)
class SessionReport:
    """All results of one session, by slug."""

    stack: StackConfig
    suite: str
    started_at: datetime
    seconds: float
    results: tuple[Result, ...]
    before: Before | None = None  # an earlier look, to say what changed

    @property
    def coverage(self) -> Coverage:
        """Say which checks looked."""
        return self.diagnosis.coverage

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Say what the results mean."""
        return diagnose(Observed.of_results(self.results, stack=self.stack), self.before)

    @property
    def verdict(self) -> Verdict:
        """Give the verdict; a warning alone leaves a stack healthy."""
        return VERDICT_OF[self.diagnosis.conclusion]

    @property
    def exit_code(self) -> int:
        """Give what a command line exits with."""
        return EXIT_CODES[self.verdict]

    def findings(self, state: State) -> Iterator[tuple[Result, Finding]]:
        """Give every finding of one state with its result."""
        return ((result, finding) for result in self.results for finding in result.findings if finding.state is state)

    def as_json(self) -> Json:
        """Give the documented JSON form."""
        diagnosis = self.diagnosis.as_json()
        return {
            "format": FORMAT,
            "stack": {
                "name": self.stack.name,
                "environment": self.stack.environment,
                "vantage": self.stack.vantage,
            },
            "suite": self.suite,
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            **{name: diagnosis[name] for name in DIAGNOSED},
            "results": [result_as_json(result) for result in self.results],
        }


def result_as_json(result: Result) -> Json:
    """Give one result with everything it cites."""
    one, leading = check(result.check), result.leading
    return {
        "check": result.check,
        "version": result.version,
        "title": one.title,
        "runbook": one.runbook_uri,
        "state": result.state.value,
        "code": leading.code,
        "message": leading.message,
        "target": leading.target,
        "prerequisite": result.prerequisite,
        "vantage": result.vantage,
        "started_at": result.started_at.isoformat(),
        "duration_ms": result.duration_ms,
        "next_checks": list(leading.next_checks),
        "findings": [finding.as_json() for finding in result.findings],
        "evidence": [_evidence_as_json(evidence) for evidence in result.evidence],
    }


def _evidence_as_json(evidence: Evidence) -> Json:
    return {
        "key": evidence.key,
        "kind": evidence.kind,
        "source": evidence.source,
        "content": evidence.content,
        "first_line": evidence.first_line,
        "captured_from": evidence.captured_from.isoformat() if evidence.captured_from else None,
        "captured_until": evidence.captured_until.isoformat() if evidence.captured_until else None,
        "sha256": evidence.sha256,
        "rule_set_version": evidence.rule_set_version,
        "redactions": dict(evidence.redactions),
        "dropped_bytes": evidence.dropped_bytes,
    }
