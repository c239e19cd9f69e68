"""Time stamps of log lines: ISO 8601, PostgreSQL, Redis, nginx, common log format, syslog, seconds since the epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

HEAD_BYTES = 400  # a stamp stands at the beginning of a line, or among the first fields of a JSON object
MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
TIME = rb"(?P<hour>[0-2]\d):(?P<minute>[0-5]\d):(?P<second>[0-6]\d)(?:[.,](?P<fraction>\d{1,9}))?"
ZONE = rb"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
YEAR_FIRST = re.compile(rb"(?P<year>(?:19|20)\d\d)[-/](?P<month>\d\d)[-/](?P<day>\d\d)[T _:]" + TIME + ZONE)
DAY_FIRST = re.compile(rb"(?P<day>\d{1,2})[ /-](?P<name>[A-Z][a-z]{2})[ /-](?P<year>(?:19|20)\d\d)[: ]" + TIME + ZONE)
SYSLOG = re.compile(rb"^(?:<\d+>)?(?P<name>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) " + TIME)
EPOCH = re.compile(
    rb"(?:^|\"(?:ts|time|timestamp|@timestamp)\"\s*:\s*\"?)(?P<epoch>[12]\d{9})(?P<rest>\d{3})?(?:[.\s,\"}]|$)"
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment; `is_local` where the line names no zone, so that the zone of this machine was assumed."""

    at: datetime
    is_local: bool


def stamp_of(line: bytes) -> Stamp | None:
    """Find the time stamp of a line, in UTC."""
    head = line[:HEAD_BYTES]
    try:
        if match := YEAR_FIRST.search(head) or DAY_FIRST.search(head) or SYSLOG.search(head):
            return _calendar(match.groupdict())
        if match := EPOCH.search(head):
            return Stamp(datetime.fromtimestamp(int(match["epoch"]), UTC), is_local=False)
    except (ValueError, OverflowError):  # 31 February and the like
        return None
    return None


def _calendar(parts: dict[str, bytes]) -> Stamp | None:
    month = MONTHS.get(parts["name"]) if parts.get("name") else int(parts["month"])
    if month is None:
        return None
    year = int(parts["year"]) if parts.get("year") else None
    fraction = int(((parts.get("fraction") or b"") + b"000000")[:6])
    clock = (int(parts["hour"]), int(parts["minute"]), min(int(parts["second"]), 59), fraction)
    naive = datetime(year or datetime.now().year, month, int(parts["day"]), *clock)  # noqa: DTZ001, DTZ005  see below
    zone = parts.get("zone")
    if zone:
        return Stamp(naive.replace(tzinfo=_zone(zone)).astimezone(UTC), is_local=False)
    at = naive.astimezone().astimezone(UTC)
    if year is None and at > datetime.now(UTC) + timedelta(days=1):  # syslog leaves the year out
        at = naive.replace(year=naive.year - 1).astimezone().astimezone(UTC)
    return Stamp(at, is_local=True)


def _zone(text: bytes) -> timezone:
    if text in {b"Z", b"UTC", b"GMT"}:
        return UTC
    digits = text[1:].replace(b":", b"")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[:1] == b"-" else offset)


_FRACTION = re.compile(r"\.(\d+)")


def engine_time(text: str) -> datetime | None:
    """Read a container engine's time (RFC 3339 with nanoseconds), as UTC; None for its zero and for what is none."""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(lambda found: f".{found[1]:0<6.6}", text.replace("Z", "+00:00")))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.year > 1 and moment.tzinfo else None
