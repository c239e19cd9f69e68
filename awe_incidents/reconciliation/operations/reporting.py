"""What alarms say, of events that were judged, of spans that were not, of silence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

from awe_incidents.audit import trail
from awe_incidents.reconciliation.engine_look import Looked
from awe_incidents.reconciliation.happenings import MAX_NAME_SAID, Happening
from awe_incidents.reconciliation.judging import Judged
from awe_incidents.reconciliation.operations.alarming import Raising
from awe_incidents.reconciliation.states import AlarmKind, Cause
from diagnostics.probes.could_not_look import CouldNotLook

MAX_SAID = 12  # events
MAX_LISTED, MAX_LISTED_BYTES = 100, 40_000  # an entry of the trail has room for 65,535 in all
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
        data={"listed": _fitting(map(_listed, told[:MAX_LISTED]))},
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


def silent_engine(since: datetime, failure: Exception, *, at: datetime) -> Raising:
    """Say that an engine cannot be looked at, or that what it tells cannot be judged and stored."""
    what = "the engine cannot be looked at" if isinstance(failure, CouldNotLook) else "looks at the engine fail"
    return Raising(
        kind=AlarmKind.ENGINE_SILENT,
        key=f"silent:{trail.moment(since)}",
        says=f"{what} since {since:%Y-%m-%d %H:%M:%S} UTC ({code_of(failure)})",
        first_at=since,
        last_at=at,
    )


def code_of(failure: Exception) -> str:
    """Give the stable reason of what kept a look from counting; of anything unforeseen its name alone."""
    return failure.code if isinstance(failure, CouldNotLook) else type(failure).__name__


def _listed(happening: Happening) -> dict[str, Any]:
    return {
        "action": happening.action,
        "service": happening.service[:MAX_NAME_SAID],
        "container": happening.container,
        "at": trail.moment(happening.at),
    }


def _fitting(listed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the first ones, as many as an entry has room for."""
    found = list(listed)
    ends = accumulate(len(json.dumps(one, ensure_ascii=False).encode()) for one in found)
    return [one for one, end in zip(found, ends, strict=True) if end <= MAX_LISTED_BYTES]
