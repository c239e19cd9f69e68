"""Ask of each execution that says it is done whether the engine showed it (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from awe_incidents.reconciliation.happenings import Happening
from awe_incidents.recovery.actions.traces import Trace


@dataclass(frozen=True, slots=True)
class Lacking:
    """What an engine should have shown of an execution, and did not."""

    action: str
    service: str
    container: str

    def __str__(self) -> str:
        place = " ".join(filter(None, [self.service, f"({self.container[:12]})" if self.container else ""]))
        return f"no {self.action} of {place or 'any container'}"


def lacking(traces: Sequence[Trace], shown: Iterable[Happening]) -> list[Lacking]:
    """Give what is not among the events that were put down to an execution; none of what no engine sees."""
    seen = [(one.action, one.service, one.container, one.command_digest) for one in shown]
    return [
        Lacking(one.shows, one.service, one.container)
        for one in traces
        if one.shows and not any(event[0] == one.shows and one.fits(*event) for event in seen)
    ]
