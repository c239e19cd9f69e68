"""What the service collected beside a bug report, as people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from awe_incidents.incidents.models import BugReport, ReportPrefill
from awe_incidents.incidents.states import PrefillState
from diagnostics.looking import CAPTURES


class Found(StrEnum):
    """What became of one field."""

    WAITING = "waiting"
    CAPTURED = "captured"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefilled:
    """What the service says of one field: the text and where it comes from, or why there is none."""

    state: Found
    source: str
    text: str = ""
    captured_at: datetime | None = None
    reason: str = ""
    rule_set_version: str = ""
    redactions: Mapping[str, int] = field(default_factory=dict)
    dropped_bytes: int = 0

    @property
    def note(self) -> str:
        """Say in one line where it comes from or why it could not be had."""
        if self.state is Found.WAITING:
            return self.reason
        at = f"{self.captured_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if self.captured_at else "then"
        if self.state is Found.CAPTURED:
            return f"{self.source}, captured at {at}"
        return f"could not be had: {self.reason} ({self.source}, tried at {at})"


_COLLECTING = "it is being collected; read the report again in some seconds"
_BEFORE = "the report was filed before the service collected anything"


def prefill_of(report: BugReport) -> Mapping[str, Prefilled]:
    """Give what the service collected beside a report, by field."""
    try:
        row: ReportPrefill = report.prefill
    except ReportPrefill.DoesNotExist:
        return _all(Found.UNAVAILABLE, _BEFORE)
    if row.state == PrefillState.WAITING:
        return WAITING
    return {name: _found(row.fields[name]) for name in CAPTURES if name in row.fields}


def _all(state: Found, reason: str) -> dict[str, Prefilled]:
    return {name: Prefilled(state=state, source=capture.source, reason=reason) for name, capture in CAPTURES.items()}


WAITING: Final = MappingProxyType(_all(Found.WAITING, _COLLECTING))


def _found(entry: Mapping[str, Any]) -> Prefilled:
    return Prefilled(
        state=Found.UNAVAILABLE if entry["reason"] else Found.CAPTURED,
        **{**entry, "captured_at": datetime.fromisoformat(entry["captured_at"])},
    )
