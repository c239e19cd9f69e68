"""What the checks of one run saw, as the ranker reads it: findings about services, from stored or fresh results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from diagnostics.checks.result import Result, State, Value
from diagnostics.diagnosis.topology import Topology
from diagnostics.stack import StackConfig

NOT_APPLICABLE = "not_applicable"
WHOLE = "the stack"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Lines of a piece of evidence, 1-based and both included; `evidence` is its key within its check's result."""

    check: str
    evidence: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Observation:
    """One finding, and the service that its target belongs to ("" where the stack's description does not say)."""

    check: str
    state: State
    code: str
    target: str
    message: str
    service: str
    parts: frozenset[str] = frozenset()  # which files of TLS sets the target is: ca, server_certificate, client_key ...
    measured: Mapping[str, Value] = field(default_factory=dict)
    lasting: Mapping[str, str] = field(default_factory=dict)  # unit by name of those measured values that last
    spans: tuple[Span, ...] = ()

    @property
    def subject(self) -> str:
        """Give what it is about, in one word for people: the service, or else the target itself."""
        return self.service or self.target or WHOLE

    @property
    def key(self) -> tuple[str, str, str]:
        """Give what tells it from other observations of its run."""
        return (self.check, self.code, self.target)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one check ended, for the coverage."""

    check: str
    state: State
    code: str
    message: str
    prerequisite: str
    next_checks: tuple[str, ...]
    states: frozenset[State]  # of its findings

    @property
    def could_not_look(self) -> bool:
        """Say whether it failed to look; one that found something wrong has looked, whatever else it could not."""
        return State.ERROR in self.states and State.FAIL not in self.states

    @property
    def is_waiting(self) -> bool:
        """Say whether it held back though it applies to the stack."""
        return self.states == {State.SKIP} and self.code != NOT_APPLICABLE

    @property
    def has_looked(self) -> bool:
        """Say whether it saw something, whatever it was."""
        return not self.could_not_look and self.states != {State.SKIP}


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that one run saw of one stack."""

    topology: Topology
    answers: tuple[Answer, ...]  # one a check, by slug
    observations: tuple[Observation, ...]

    @classmethod
    def of_stored(cls, rows: Iterable[Mapping[str, Any]], *, stack: StackConfig) -> Observed:
        """Read results as they are stored or printed: mappings of check, state, code, message, findings, ..."""
        topology = Topology.of(stack)
        rows = sorted(rows, key=lambda row: str(row["check"]))
        return cls(topology, tuple(map(_answer, rows)), tuple(one for row in rows for one in _read(row, topology)))

    @classmethod
    def of_results(cls, results: Iterable[Result], *, stack: StackConfig) -> Observed:
        """Read results as the checks gave them."""
        return cls.of_stored(map(_as_stored, results), stack=stack)


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        check=row["check"],
        state=State(row["state"]),
        code=row["code"],
        message=row["message"],
        prerequisite=row.get("prerequisite", ""),
        next_checks=tuple(row.get("next_checks", ())),
        states=frozenset(State(finding["state"]) for finding in row["findings"]),
    )


def _read(row: Mapping[str, Any], topology: Topology) -> Iterator[Observation]:
    for finding in row["findings"]:
        target = finding["target"]
        spans = (Span(row["check"], **citation) for citation in finding["citations"])
        yield Observation(
            check=row["check"],
            state=State(finding["state"]),
            code=finding["code"],
            target=target,
            message=finding["message"],
            service=topology.service_of(target),
            parts=topology.parts_of(target),
            measured={name: one["value"] for name, one in finding["measured"].items()},
            lasting={name: one["unit"] for name, one in finding["measured"].items() if one.get("lasts")},
            spans=tuple(sorted(set(spans))),
        )


def _as_stored(result: Result) -> Mapping[str, Any]:
    leading = result.leading
    return {
        "check": result.check,
        "state": result.state,
        "code": leading.code,
        "message": leading.message,
        "prerequisite": result.prerequisite,
        "next_checks": leading.next_checks,
        "findings": [finding.as_json() for finding in result.findings],
    }
