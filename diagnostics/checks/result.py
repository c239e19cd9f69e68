"""What a look gives: states, findings, measured values and evidence (contract of every check)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a check ended. `error` means "could not look", never "is broken"."""

    PASS = "pass"  # noqa: S105  a state, not a password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    ERROR = "error"


# From good to bad: the state of a result is the worst of its findings.
SEVERITY = (State.PASS, State.SKIP, State.WARN, State.ERROR, State.FAIL)

NAMES = "names"  # the unit of a value that is a set of names, separated by blanks

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured value and its unit ("" where it has none).

    What lasts stays as it is from run to run until somebody changes the stack: it is compared with the last good run.
    """

    value: Value
    unit: str = ""
    lasts: bool = False

    def as_json(self) -> dict[str, Value]:
        """Give the documented JSON form."""
        return {"value": self.value, "unit": self.unit, **({"lasts": True} if self.lasts else {})}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit, its unit, and whether it is the default, from the stack's configuration or from its baseline."""

    name: str
    value: float
    unit: str
    source: str  # "default", "config" or "baseline"
    reference: str = ""  # where the default comes from: a program, a standard, or "ours"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen, redacted at capture; `key` is unique within its result."""

    key: str
    kind: str  # log_excerpt, command, query_result, inspect_json, cert, timing, file_stat
    source: str  # file, URL, query text, container id with image digest
    content: str  # after redaction, lines separated by \n
    first_line: int = 1  # number of the first line in the source
    captured_from: datetime | None = None  # by the source's own clock, UTC
    captured_until: datetime | None = None
    rule_set_version: str = ""
    redactions: Mapping[str, int] = field(default_factory=dict)  # by rule id
    dropped_bytes: int = 0  # cut between head and tail

    @property
    def sha256(self) -> str:
        """Give the hex digest of the redacted bytes."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    def lines(self, first: int, last: int | None = None) -> Citation:
        """Cite lines of this evidence: 1-based positions in its content, both ends included."""
        return Citation(evidence=self.key, first_line=first, last_line=last or first)

    def whole(self) -> Citation:
        """Cite all of it."""
        return self.lines(1, self.content.count("\n") + 1)


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of evidence that proves a finding; the page opens exactly these lines."""

    evidence: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found about one target."""

    state: State
    code: str  # stable machine reason, e.g. "certificate.expired"
    message: str  # one sentence with the numbers
    target: str = ""  # service, host:port or file
    measured: Mapping[str, Measurement] = field(default_factory=dict)
    threshold: Threshold | None = None
    citations: tuple[Citation, ...] = ()
    next_checks: tuple[str, ...] = ()
    blocks: bool = True  # does a fail or error of this kind make dependants pointless?
    prerequisite: str = ""  # for a skip that only the look could know of: the check that has to be right first

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON form."""
        return {
            "state": self.state.value,
            "code": self.code,
            "message": self.message,
            "target": self.target,
            "measured": {name: value.as_json() for name, value in self.measured.items()},
            "threshold": asdict(self.threshold) if self.threshold else None,
            "citations": [asdict(citation) for citation in self.citations],
            "next_checks": list(self.next_checks),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A check's answer: its worst finding in front, all findings and all evidence behind."""

    check: str
    version: int
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    started_at: datetime
    duration_ms: int
    vantage: str  # where it looked from: "worker", "inside container api", "inside containers api, worker"
    prerequisite: str = ""  # for a skip: the check that failed

    @property
    def leading(self) -> Finding:
        """Give the worst finding; of equals the first."""
        return max(self.findings, key=lambda finding: SEVERITY.index(finding.state))

    @property
    def state(self) -> State:
        """Give the worst state of the findings."""
        return self.leading.state

    @property
    def is_blocking(self) -> bool:
        """Say whether checks that require this one would only repeat its failure."""
        return bool(self.prerequisite) or any(
            finding.prerequisite or (finding.state in {State.ERROR, State.FAIL} and finding.blocks)
            for finding in self.findings
        )


def only_finding(
    *, check: str, version: int, finding: Finding, at: datetime, vantage: str, prerequisite: str = ""
) -> Result:
    """Give a result that no look has made: skipped, lost, or out of time."""
    return Result(
        check=check,
        version=version,
        findings=(finding,),
        evidence=(),
        started_at=at,
        duration_ms=0,
        vantage=vantage,
        prerequisite=prerequisite,
    )


def numbered(lines: Sequence[str]) -> str:
    """Join lines into the content of an evidence."""
    return "\n".join(lines)
