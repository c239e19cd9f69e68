"""Entries in the words of OCSF 1.4 (schema.ocsf.io), for a SIEM: which class and activity each verb is (pure).

An event is made of the entry's bytes and of the texts behind its commitments that are still there; what OCSF has no
attribute for stands in `unmapped`. It proves nothing by itself: `unmapped.leaf_hash` leads to the signed tree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from awe_incidents.audit import canonical
from awe_incidents.audit.errors import AuditError
from awe_incidents.audit.merkle import leaf_hash

SCHEMA_VERSION = "1.4.0"
PRODUCT = {"name": "AWE Incidents", "vendor_name": "AWE Incidents"}
LOG_NAME = "trail"
HANDLED_BY = {"name": "operators"}  # OCSF wants to know whose an incident is


class OcsfClass(IntEnum):
    """The classes that are used; the thousands are the category."""

    ACCOUNT_CHANGE = 3001
    AUTHENTICATION = 3002
    ENTITY_MANAGEMENT = 3004
    DETECTION_FINDING = 2004
    INCIDENT_FINDING = 2005
    API_ACTIVITY = 6003


CATEGORIES = {2: "Findings", 3: "Identity & Access Management", 6: "Application Activity"}
CLASS_NAMES = {
    OcsfClass.ACCOUNT_CHANGE: "Account Change",
    OcsfClass.AUTHENTICATION: "Authentication",
    OcsfClass.ENTITY_MANAGEMENT: "Entity Management",
    OcsfClass.DETECTION_FINDING: "Detection Finding",
    OcsfClass.INCIDENT_FINDING: "Incident Finding",
    OcsfClass.API_ACTIVITY: "API Activity",
}
CRUD = {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}
FINDING = {1: "Create", 2: "Update", 3: "Close"}
ACTIVITIES: Mapping[OcsfClass, Mapping[int, str]] = {
    OcsfClass.ACCOUNT_CHANGE: {1: "Create", 3: "Password Change"},
    OcsfClass.AUTHENTICATION: {1: "Logon"},
    OcsfClass.ENTITY_MANAGEMENT: CRUD,
    OcsfClass.DETECTION_FINDING: FINDING,
    OcsfClass.INCIDENT_FINDING: FINDING,
    OcsfClass.API_ACTIVITY: CRUD,
}
CREATE, READ, UPDATE, DELETE, OTHER = 1, 2, 3, 4, 99
LOGON, PASSWORD_CHANGE, FINDING_UPDATE, FINDING_CLOSE = 1, 3, 2, 3
INFORMATIONAL, LOW, MEDIUM, HIGH = 1, 2, 3, 4
SEVERITIES = {INFORMATIONAL: "Informational", LOW: "Low", MEDIUM: "Medium", HIGH: "High"}
UNKNOWN, SUCCESS, FAILURE = 0, 1, 2
STATUSES = {UNKNOWN: "Unknown", SUCCESS: "Success", FAILURE: "Failure"}
NEW, IN_PROGRESS, RESOLVED, CLOSED = 1, 2, 4, 5
FINDING_STATUSES = {NEW: "New", IN_PROGRESS: "In Progress", RESOLVED: "Resolved", CLOSED: "Closed"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What OCSF calls one verb; `status` is of what was done, and of a finding where it stands."""

    of: OcsfClass
    activity: int
    severity: int = INFORMATIONAL
    status: int = SUCCESS

    @property
    def is_finding(self) -> bool:
        """Say whether it is of the category Findings."""
        return self.of // 1000 == 2


def _crud(of: OcsfClass, activity: int, *verbs: str, severity: int = INFORMATIONAL) -> dict[str, Kind]:
    return {verb: Kind(of, activity, severity) for verb in verbs}


_ENTITY, _API, _INCIDENT = OcsfClass.ENTITY_MANAGEMENT, OcsfClass.API_ACTIVITY, OcsfClass.INCIDENT_FINDING
KINDS: Mapping[str, Kind] = {
    "user:created": Kind(OcsfClass.ACCOUNT_CHANGE, CREATE, LOW),
    "user:password_changed": Kind(OcsfClass.ACCOUNT_CHANGE, PASSWORD_CHANGE, LOW),
    "user:email_changed": Kind(OcsfClass.ACCOUNT_CHANGE, OTHER, LOW),
    "user:roles_changed": Kind(OcsfClass.ACCOUNT_CHANGE, OTHER, MEDIUM),
    "user:reauthenticated": Kind(OcsfClass.AUTHENTICATION, LOGON),
    "user:reauthentication_refused": Kind(OcsfClass.AUTHENTICATION, LOGON, MEDIUM, FAILURE),
    **_crud(_ENTITY, CREATE, "token:issued", severity=LOW),
    **_crud(_ENTITY, DELETE, "token:revoked", severity=LOW),
    **_crud(_ENTITY, CREATE, "stack:created", "bug_report:filed", "attachment:added", "demo:seeded"),
    **_crud(_ENTITY, CREATE, "manual_action:recorded", "freeze:set", "maintenance_window:declared", severity=LOW),
    **_crud(_ENTITY, DELETE, "freeze:lifted", "maintenance_window:closed", severity=LOW),
    **_crud(_ENTITY, READ, "stack:token_inspected"),
    **_crud(_ENTITY, UPDATE, "stack:changed", "stack:secret_set", severity=LOW),
    **_crud(_ENTITY, UPDATE, "stack:baseline_forgotten", "attachment:prepared"),
    **_crud(_ENTITY, UPDATE, "bug_report:joined", "bug_report:moved", "bug_report:prefilled", "bug_report:revised"),
    "attachment:refused": Kind(_ENTITY, UPDATE, LOW, FAILURE),
    **_crud(_ENTITY, DELETE, "retention:applied", "contents:collected"),
    **_crud(_ENTITY, DELETE, "entry:erased", severity=MEDIUM),
    **_crud(_ENTITY, UPDATE, "log_key:rotated", severity=MEDIUM),
    "incident:opened": Kind(_INCIDENT, CREATE, LOW, NEW),
    "incident:acknowledged": Kind(_INCIDENT, FINDING_UPDATE, INFORMATIONAL, IN_PROGRESS),
    "incident:classified": Kind(_INCIDENT, FINDING_UPDATE, INFORMATIONAL, IN_PROGRESS),
    "incident:suggested": Kind(_INCIDENT, FINDING_UPDATE, INFORMATIONAL, IN_PROGRESS),
    "incident:run_linked": Kind(_INCIDENT, FINDING_UPDATE, INFORMATIONAL, IN_PROGRESS),
    "incident:reopened": Kind(_INCIDENT, FINDING_UPDATE, LOW, IN_PROGRESS),
    "incident:resolved": Kind(_INCIDENT, FINDING_UPDATE, INFORMATIONAL, RESOLVED),
    "incident:closed": Kind(_INCIDENT, FINDING_CLOSE, INFORMATIONAL, CLOSED),
    "stack:turned_unhealthy": Kind(OcsfClass.DETECTION_FINDING, CREATE, MEDIUM, NEW),
    "stack:recovered": Kind(OcsfClass.DETECTION_FINDING, FINDING_CLOSE, INFORMATIONAL, RESOLVED),
    "alarm:raised": Kind(OcsfClass.DETECTION_FINDING, CREATE, HIGH, NEW),
    "alarm:settled": Kind(OcsfClass.DETECTION_FINDING, FINDING_CLOSE, INFORMATIONAL, RESOLVED),
    **_crud(_API, CREATE, "run:requested"),
    **_crud(_API, UPDATE, "run:started", "run:finished"),
    **_crud(_API, CREATE, "recovery_request:requested", severity=LOW),
    **_crud(_API, UPDATE, "recovery_request:approved", "recovery_request:denied", severity=LOW),
    **_crud(_API, UPDATE, "recovery_request:withdrawn", "recovery_request:cancelled", "recovery_request:expired"),
    **_crud(_API, UPDATE, "recovery_request:invalidated", "recovery_request:reviewed", severity=MEDIUM),
    **_crud(_API, UPDATE, "recovery_request:glass_broken", severity=HIGH),
    **_crud(_API, UPDATE, "recovery_request:notified", severity=LOW),
    **_crud(_API, UPDATE, "execution:claimed", "execution:released", "execution:cancel_asked"),
    **_crud(_API, UPDATE, "execution:intended", "execution:started", "execution:steps_done", severity=LOW),
    **_crud(_API, UPDATE, "execution:step_done", "execution:finished", "execution:rechecked", severity=LOW),
    **_crud(_API, CREATE, "execution:secret_sealed", severity=LOW),
    **_crud(_API, READ, "execution:secret_shown", severity=MEDIUM),
    **_crud(_API, DELETE, "execution:secret_expired"),
    **_crud(_API, UPDATE, "execution:called_by_hand", "execution:probed_by_hand", severity=LOW),
    "execution:step_failed": Kind(_API, UPDATE, MEDIUM, FAILURE),
    "execution:outcome_unknown": Kind(_API, UPDATE, MEDIUM, UNKNOWN),
    "execution:held_up": Kind(_API, UPDATE, LOW, FAILURE),
    "stack:recovery_refused": Kind(_API, CREATE, MEDIUM, FAILURE),
}
OF_ANOTHER_VERSION = Kind(_API, OTHER)  # an entry whose verb this version does not know
ENDED_WELL = "succeeded"  # in `to` of an `execution:finished`


def ocsf_event(body: bytes, *, index: int, texts: Mapping[str, str]) -> dict[str, Any]:
    """Give the event of an entry at an index of the tree, with the texts (by field) that may be shown.

    Raises: AuditError, LookupError, TypeError, ValueError, where the bytes are no entry.
    """
    entry = canonical.parse(body)
    verb = str(entry["verb"])
    kind = KINDS.get(verb, OF_ANOTHER_VERSION)
    activity = ACTIVITIES[kind.of].get(kind.activity) or verb.partition(":")[2].replace("_", " ").title()
    return {
        "activity_id": kind.activity,
        "activity_name": activity,
        "category_uid": kind.of // 1000,
        "category_name": CATEGORIES[kind.of // 1000],
        "class_uid": kind.of.value,
        "class_name": CLASS_NAMES[kind.of],
        "type_uid": kind.of * 100 + kind.activity,
        "type_name": f"{CLASS_NAMES[kind.of]}: {activity}",
        "time": _milliseconds(entry["at"]),
        "severity_id": kind.severity,
        "severity": SEVERITIES[kind.severity],
        **_status(kind, entry),
        "message": f"{verb.replace('_', ' ').replace(':', ' ')} ({entry['subject']['type']} {entry['subject']['id']})",
        "metadata": {
            "version": SCHEMA_VERSION,
            "product": PRODUCT,
            "uid": entry["id"],
            "event_code": verb,
            "log_name": LOG_NAME,
            "original_time": entry["at"],
            "sequence": index,
            **({"profiles": ["host"]} if kind.is_finding else {}),  # which has the attribute `actor`
        },
        "actor": _actor(entry, texts),
        **_of_class(kind, entry, texts),
        "unmapped": {**_unmapped(entry, texts), "leaf_hash": leaf_hash(body).hex()},
    }


def ocsf_line(body: bytes | None, *, index: int, at: datetime, texts: Mapping[str, str]) -> bytes:
    """Give the event as one line of JSON; of what is gone or no entry, at a time, that it is so."""
    try:
        event = ocsf_event(body or b"", index=index, texts=texts)
    except (AuditError, LookupError, TypeError, ValueError) as error:  # JSON, and no entry
        event = _broken(index, at, why="it is gone" if body is None else type(error).__name__)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _broken(index: int, at: datetime, *, why: str) -> dict[str, Any]:
    """Tell of a place in the tree that holds no entry any more, as a finding: the verifier says what was done."""
    return {
        "activity_id": CREATE,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": CATEGORIES[2],
        "class_uid": OcsfClass.DETECTION_FINDING.value,
        "class_name": CLASS_NAMES[OcsfClass.DETECTION_FINDING],
        "type_uid": OcsfClass.DETECTION_FINDING * 100 + CREATE,
        "type_name": "Detection Finding: Create",
        "time": int(at.timestamp() * 1000),
        "severity_id": HIGH,
        "severity": SEVERITIES[HIGH],
        "status_id": NEW,
        "status": FINDING_STATUSES[NEW],
        "message": f"entry {index} of the trail cannot be read ({why}); export the trail and verify it",
        "metadata": {"version": SCHEMA_VERSION, "product": PRODUCT, "log_name": LOG_NAME, "sequence": index},
        "finding_info": {"uid": f"entry-{index}", "title": "An entry of the audit trail cannot be read"},
    }


def _milliseconds(moment: str) -> int:
    at = datetime.fromisoformat(moment)
    return int(at.replace(microsecond=0).timestamp()) * 1000 + at.microsecond // 1000


def _status(kind: Kind, entry: Mapping[str, Any]) -> dict[str, Any]:
    if kind.is_finding:
        return {"status_id": kind.status, "status": FINDING_STATUSES[kind.status]}
    status = kind.status
    if entry["verb"] == "execution:finished" and entry["data"].get("to") != ENDED_WELL:
        status = FAILURE
    return {"status_id": status, "status": STATUSES[status]}


def _actor(entry: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Give a person or the user of a command as `user`, a process of ours as `app_name`."""
    actor, name = entry["actor"], texts.get("actor.name")
    if actor["kind"] == "service":
        return {"app_name": f"awe-incidents {name}".strip() if name else "awe-incidents"}
    user = {"uid": str(actor["id"])} if actor["id"] is not None else {"name": str(actor["kind"])}
    user |= {"name": name} if name else {}
    user |= {"credential_uid": actor["token"]} if actor["token"] else {}
    by = {"app_name": actor["on_behalf_of"]} if actor["on_behalf_of"] else {}
    return {"user": user, **by}


def _of_class(kind: Kind, entry: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Give what the class of an event demands besides."""
    subject = entry["subject"]
    thing = {"type": subject["type"], "uid": subject["id"]}
    source = {"src_endpoint": {"ip": address}} if (address := texts.get("actor.address")) else {}
    comment = {"comment": because} if (because := texts.get("because")) else {}
    match kind.of:
        case OcsfClass.ACCOUNT_CHANGE:
            return {"user": {"uid": subject["id"]}, **source}
        case OcsfClass.AUTHENTICATION:
            return {"user": {"uid": subject["id"]}, "service": {"name": PRODUCT["name"]}, **source}
        case OcsfClass.ENTITY_MANAGEMENT:
            return {"entity": thing, **comment}
        case OcsfClass.INCIDENT_FINDING:
            found = {"uid": subject["id"], "title": f"Incident {subject['id']}"}
            return {"finding_info_list": [found], "assignee_group": HANDLED_BY, **comment}
        case OcsfClass.DETECTION_FINDING:
            title = entry["data"].get("says") or f"{subject['type']} {subject['id']}".capitalize()
            return {"finding_info": {"uid": f"{subject['type']}-{subject['id']}", "title": title}, **comment}
        case OcsfClass.API_ACTIVITY:
            source = source or {"src_endpoint": {"name": PRODUCT["name"]}}
            return {"api": {"operation": entry["verb"]}, "resources": [thing], **source}


def _unmapped(entry: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    kept = {name: entry[name] for name in ("subject", "incident", "data", "commitments")}
    others = {name: value for name, value in texts.items() if not name.startswith("actor.")}
    return {**kept, "actor_kind": entry["actor"]["kind"], "texts": others}
