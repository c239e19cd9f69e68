"""What alarms say, of events that were judged, of spans that were not, of silence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from awe_incidents.audit import trail
from awe_incidents.reconciliation.engine_look import Looked
from awe_incidents.reconciliation.happenings import Happening
from awe_incidents.reconciliation.judging import Judged
from awe_incidents.reconciliation.operations.alarming import Raising
from awe_incidents.reconciliation.states import AlarmKind, Cause

MAX_SAID = 12  # events
MAX_LISTED = 100
MAX_COMMAND = 300
MAX_COMMANDS = 5


def unexplained(judged: Sequence[Judged]) -> Iterator[Raising]:
    """Give one alarm for all that nobody approved, with what followed from it; none where all is explained."""
    first = [one.happening for one in judged if one.is_alarm]
    if not first:
        return
    told = [one.happening for one in judged if one.cause is Cause.NOBODY]
    commands = list(dict.fromkeys(one.command[:MAX_COMMAND] for one in first if one.command))
    shown = ", ".join(map(str, told[:MAX_SAID])) + (f" and {len(told) - MAX_SAID} more" if len(told) > MAX_SAID else "")
    yield Raising(
        kind=AlarmKind.NOT_APPROVED,
        key=f"events:{hashlib.sha256(first[0].key.encode()).hexdigest()[:32]}",
        says=f"executed, never approved: {shown}",
        first_at=told[0].at,
        last_at=told[-1].at,
        commands="; ".join(commands[:MAX_COMMANDS]),
        events=len(told),
        data={"listed": [_listed(one) for one in told[:MAX_LISTED]]},
    )


def blind_span(looked: Looked) -> Iterator[Raising]:
    """Say of which span of time the engine has no events any more."""
    if looked.blind is None:
        return
    since, until = looked.blind.since, looked.blind.until
    yield Raising(
        kind=AlarmKind.NOT_LOOKED_AT,
        key=f"blind:{trail.moment(since)}",
        says=f"the engine has no events any more from {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC: "
        "it was started anew, or more happened than it keeps; what was done then is not known",
        first_at=since,
        last_at=until,
    )


def silent_engine(since: datetime, code: str, *, at: datetime) -> Raising:
    """Say that an engine cannot be looked at."""
    return Raising(
        kind=AlarmKind.ENGINE_SILENT,
        key=f"silent:{trail.moment(since)}",
        says=f"the engine cannot be looked at since {since:%Y-%m-%d %H:%M:%S} UTC ({code})",
        first_at=since,
        last_at=at,
    )


def _listed(happening: Happening) -> dict[str, Any]:
    return {
        "action": happening.action,
        "service": happening.service,
        "container": happening.container[:64],
        "at": trail.moment(happening.at),
    }
