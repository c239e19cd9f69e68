"""What the page of one entry shows: of the signed bytes, never of the search columns, which anybody with rights on the
database could have changed; where both differ, it says so.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from awe_incidents.accounts.models import User
from awe_incidents.audit import canonical
from awe_incidents.audit.errors import AuditError
from awe_incidents.audit.models import Entry
from awe_incidents.audit.queries import Shown, Text
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.entry_filter import trail_address
from awe_incidents.triage.entry_words import field_words, said
from awe_incidents.triage.facts import Fact, address, flattened
from awe_incidents.triage.trail_links import row_address


class TextLine(NamedTuple):
    """A text behind a commitment; `state` is erased or changed, where it is not what was recorded."""

    words: str
    field: str
    value: str
    state: str


def facts_of(shown: Shown, user: User) -> list[Fact]:
    """Give the head of the page."""
    entry, content = shown.entry, shown.content or {}
    subject, actor = _part(content, "subject"), _part(content, "actor")
    kind, key = str(subject.get("type", "")), str(subject.get("id", ""))
    incident = content.get("incident")
    return [
        Fact("Verb", str(content.get("verb", ""))),
        Fact("Subject", f"{kind}:{key}" if kind else "", row_address(kind, key, user)),
        Fact("Actor", f"{actor.get('kind', '')} {actor.get('id') or ''}".strip(), trail_address(actor=entry.actor)),
        Fact("With token", actor.get("token")),
        Fact("On behalf of", actor.get("on_behalf_of")),
        Fact("Incident", f"#{incident}" if incident else "", _incident_address(incident)),
        Fact("Occurred", _moment(content.get("at"))),
        Fact("Recorded", entry.recorded_at, note="by the database's clock, not signed"),
        Fact("Index in the log", "waits for its place" if shown.index is None else str(shown.index)),
        Fact("Under a signature", shown.is_signed),
        Fact("Event", str(entry.event_id)),
        Fact("Hash of its leaf", shown.leaf_hash),
    ]


def data_of(shown: Shown) -> list[tuple[str, str]]:
    """Give the recorded data as names and values."""
    return list(flattened((shown.content or {}).get("data", {})))


def texts_of(shown: Shown) -> list[TextLine]:
    """Give the texts behind the commitments."""
    return [TextLine(field_words(one.field), one.field, one.value or "", _state(one)) for one in shown.texts]


def alarms_of(shown: Shown) -> list[str]:
    """Say what of an entry contradicts what was recorded."""
    if shown.content is None:
        return ["The stored bytes are no entry any more: export the trail and verify it."]
    alarms = []
    if names := _differing(shown.entry, shown.content):
        alarms.append(f"The search columns say something else than the entry: {', '.join(names)}.")
    if changed := [one.field for one in shown.texts if _state(one) == "changed"]:
        alarms.append(f"A text is not the one that was recorded: {', '.join(changed)}.")
    return alarms


def title_of(shown: Shown) -> str:
    """Say in a line what was recorded."""
    return said(str((shown.content or {}).get("verb") or shown.entry.verb))


def _differing(entry: Entry, content: Mapping[str, Any]) -> list[str]:
    subject = _part(content, "subject")
    pairs: dict[str, tuple[Any, Any]] = {
        "event_id": (str(entry.event_id), content.get("id")),
        "verb": (entry.verb, content.get("verb")),
        "subject_type": (entry.subject_type, subject.get("type")),
        "subject_id": (entry.subject_id, subject.get("id")),
        "incident_id": (entry.incident_id, content.get("incident")),
        "occurred_at": (canonical.timestamp(entry.occurred_at), content.get("at")),
    }
    return [name for name, (column, recorded) in pairs.items() if column != recorded]


def _state(text: Text) -> str:
    if text.value is None or text.salt is None:
        return "erased"
    try:
        made = canonical.commitment(text.salt, text.value)
    except AuditError:  # the salt was changed, too
        return "changed"
    return "" if hmac.compare_digest(made.encode(), text.commitment.encode()) else "changed"


def _moment(at: Any) -> datetime | str:
    try:
        return datetime.fromisoformat(str(at))
    except ValueError:
        return str(at or "")


def _incident_address(incident: Any) -> str:
    return address(Incident, incident) if isinstance(incident, int) and 0 < incident < 2**63 else ""


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = content.get(name)
    return part if isinstance(part, Mapping) else {}
