"""Part of auth.security_log: single events as lines of its evidence, and the same read back.

An event's own words may hold a name, so only its parts are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from diagnostics.probes.security_events import Event, Kind
from diagnostics.probes.tokens import in_utc

_NOBODY = "-"
# What strangers wrote, the address, stands last: it can say nothing of the rest.
_LINE = re.compile(rf"(\d{{4}}-\S+T\S+) ({'|'.join(Kind)}) user=(\S+) address=(.+)")


@dataclass(frozen=True, slots=True)
class Sample:
    """An event as evidence has it; `user` is a mark, empty like `address` where none was named."""

    at: datetime
    kind: Kind
    user: str
    address: str


def sample_of(event: Event, mark: Callable[[str], str]) -> str:
    """Give the line of an event; `mark` names users."""
    at = "without a time" if event.at is None else in_utc(event.at)
    return f"{at} {event.kind} user={mark(event.user)} address={event.address or _NOBODY}"


def samples_in(lines: Iterable[str]) -> Iterator[Sample]:
    """Give the dated events among lines of evidence."""
    for line in lines:
        if match := _LINE.fullmatch(line):
            at, kind, user, address = match.groups()
            try:
                when = datetime.fromisoformat(at)
            except ValueError:
                continue
            if when.tzinfo is not None:
                yield Sample(when, Kind(kind), _named(user), _named(address))


def _named(text: str) -> str:
    return "" if text == _NOBODY else text
