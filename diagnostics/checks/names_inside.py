"""Host names as containers see them: the engine's own resolver knows names that nobody outside does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from diagnostics.checks.edges import hosts_of
from diagnostics.checks.memberships import off_network_key, shared_networks
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import ProbeFailure, ProcessUnknown
from diagnostics.probes.hostnames import is_address
from diagnostics.stack import StackConfig

ANSWERED = frozenset({0, 2})  # of getent(1): found, and no such name
SHOWN = 5  # addresses


@dataclass(frozen=True, slots=True)
class Question:
    """A name, the service that it is to lead to, and the services that ask for it."""

    name: str
    callee: str
    askers: tuple[str, ...]


def questions(stack: StackConfig) -> list[Question]:
    """Give the names of services that others are told to connect to, each with those that depend on it."""
    outside = {endpoint.service for endpoint in stack.endpoints.values()}
    found = []
    for name, uses in hosts_of(stack).items():
        for callee in dict.fromkeys(service for service, _ in uses):
            askers = tuple(one.name for one in stack.services.values() if callee in one.depends_on)
            if callee not in outside and askers:
                found.append(Question(name, callee, askers))
    return found


def names_of(stack: StackConfig, service: str) -> list[str]:
    """Give the names by which others must find a service: those that they are told, or else its own."""
    told = [one.name for one in questions(stack) if one.callee == service]
    return [name for name in told if not is_address(name) and name != "localhost"] or ([] if told else [service])


def names_seen_inside(seeing: Seeing) -> Iterator[Finding]:
    """Resolve each name in one running container that has to."""
    for question in questions(seeing.stack):
        yield _answered(seeing, question)


def _answered(seeing: Seeing, question: Question) -> Finding:
    for asker in seeing.surroundings.steadiest(question.askers):
        try:
            inside = seeing.surroundings.inside(asker)
        except ProcessUnknown:
            continue
        assert isinstance(inside, InsideContainer)
        try:
            code, output = inside.run(["getent", "ahosts", question.name])
        except (CouldNotLook, ProbeFailure) as failure:
            return _skipped(question, seeing.clean(f"{asker} could not be asked: {failure}"))
        if code not in ANSWERED:  # it has no such program, or the container ended in the middle
            continue
        return _judged(seeing, question, asker, code, output)
    return _skipped(question, "no container that depends on it ran and answered with getent")


def _skipped(question: Question, because: str) -> Finding:
    text = f"{question.name} was not resolved: {because}"
    return Finding(state=State.SKIP, code="dns.not_asked", message=text, target=question.name, blocks=False)


def _judged(seeing: Seeing, question: Question, asker: str, code: int, output: bytes) -> Finding:
    addresses = list(dict.fromkeys(line.split()[0] for line in output.decode(errors="replace").splitlines() if line))
    shared = shared_networks(seeing, asker, question.callee)
    lines = [
        f"getent ahosts {question.name} in the container of {asker}: exit code {code}",
        *(f"  {address}" for address in addresses[:SHOWN]),
        f"networks that {asker} and {question.callee} share: {', '.join(shared) if shared else 'none'}",
    ]
    evidence = seeing.keep("command", source=f"{question.name} as {asker} sees it", content=lines)
    state, finding, said = State.PASS, "dns.resolved", f"resolves to {', '.join(addresses[:SHOWN])} in {asker}"
    if code or not addresses:
        state, finding, said = State.FAIL, "dns.unknown_name", f"does not resolve in the container of {asker}"
        if shared == [] and _runs(seeing, question.callee):
            finding, said = "dns.off_network", f"{said}: {question.callee} runs and shares no network with it"
            seeing.hand_over(off_network_key(question.callee), f"it is in no network of {asker}, as network.dns tells")
    return Finding(
        state=state,
        code=finding,
        message=seeing.clean(f"{question.name} {said}"),
        target=question.name,
        measured={"addresses": Measurement(", ".join(addresses[:SHOWN]))},
        citations=(evidence.whole(),),
        blocks=False,  # those that connect say more of it: they know why
    )


def _runs(seeing: Seeing, service: str) -> bool:
    return any(one.status == "running" for one in seeing.surroundings.containers().get(service, []))
