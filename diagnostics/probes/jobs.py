"""Jobs in messages and replies: of each only its id, its task's name and its times, never arguments or tokens."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ID_FIELDS = ("id", "job_id", "task_id", "uuid")
NAME_FIELDS = ("tool", "task", "name", "type", "kind")
PLAIN_WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
MILLISECONDS_FROM = 1e11  # a larger number of seconds would be after the year 5138


@dataclass(frozen=True, slots=True)
class Job:
    """One job as far as it may be shown; `key` is equal for the same job in two samples and stays in memory."""

    key: str = field(repr=False)
    id: str = ""
    name: str = ""
    since: float | None = None  # epoch seconds: when it was queued (redis-list) or began (celery)

    def age_seconds(self, at: float) -> float | None:
        """Give its age at a time in epoch seconds, None where nothing tells."""
        return None if self.since is None else max(at - self.since, 0.0)

    def __str__(self) -> str:
        """Give `sleep 4f2a`, or what of it is known."""
        return " ".join(part for part in (self.name, self.id) if part) or "a job without id and name"


def job_of(message: bytes, fields: Mapping[str, Any], *, timestamp_field: str) -> Job:
    """Keep of a message what may be shown."""
    return Job(
        key=hashlib.sha256(message).hexdigest(),
        id=_plain(fields, ID_FIELDS),
        name=_plain(fields, NAME_FIELDS),
        since=epoch_seconds(fields.get(timestamp_field)),
    )


def active_job(active: Mapping[str, Any]) -> Job:
    """Keep of a job that a Celery worker says it is at what may be shown."""
    identity = _plain(active, ("id",))
    name = _plain(active, ("name",))
    return Job(key=identity or name, id=identity, name=name, since=epoch_seconds(active.get("time_start")))


def _plain(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    values = (fields.get(name) for name in names)
    texts = (str(value) for value in values if isinstance(value, str | int) and not isinstance(value, bool))
    return next((text for text in texts if PLAIN_WORD.fullmatch(text)), "")


def epoch_seconds(value: object) -> float | None:
    """Read a time stamp: seconds or milliseconds since the epoch, as a number or text, or ISO 8601 with its zone."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) else float("nan")
    except (ValueError, OverflowError):
        number = _iso_seconds(str(value))
    if not 0 < number < float("inf"):
        return None
    return number / 1000 if number > MILLISECONDS_FROM else number


def _iso_seconds(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
        return at.timestamp() if at.tzinfo else float("nan")
    except (ValueError, OverflowError):
        return float("nan")


def json_object(message: bytes) -> dict[str, Any]:
    """Read a message, {} where it is no JSON object."""
    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return mapping(parsed)


def mapping(value: object) -> dict[str, Any]:
    """Give what should be an object, {} where it is none."""
    return value if isinstance(value, dict) else {}
