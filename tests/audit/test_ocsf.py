"""Entries in the words of OCSF: numbers that fit each other, what each class demands, texts only where they may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from awe_incidents.audit import canonical
from awe_incidents.audit.merkle import leaf_hash
from awe_incidents.audit.ocsf import KINDS, OcsfClass, ocsf_event, ocsf_line

AT = datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=UTC)
TEXTS = {"actor.name": "grace", "actor.address": "192.0.2.7", "because": "it hung", "private.note": "n"}
REQUIRED: Mapping[OcsfClass, tuple[str, ...]] = {
    OcsfClass.ACCOUNT_CHANGE: ("user",),
    OcsfClass.AUTHENTICATION: ("user", "service"),
    OcsfClass.ENTITY_MANAGEMENT: ("entity",),
    OcsfClass.DETECTION_FINDING: ("finding_info",),
    OcsfClass.INCIDENT_FINDING: ("finding_info_list", "assignee_group", "status_id"),
    OcsfClass.API_ACTIVITY: ("actor", "api", "src_endpoint"),
}


def entry(verb: str, *, kind: str = "user", number: int | None = 7, token: str = "", **data: Any) -> bytes:
    subject = verb.partition(":")[0]
    return canonical.encode(
        {
            "v": 1,
            "id": "0199-event",
            "at": canonical.timestamp(AT),
            "verb": verb,
            "subject": {"type": subject, "id": "12"},
            "actor": {"kind": kind, "id": number, "token": token, "on_behalf_of": ""},
            "incident": 3,
            "data": data,
            "commitments": {},
        }
    )


def event_of(body: bytes, texts: Mapping[str, str] | None = None) -> dict[str, Any]:
    return ocsf_event(body, index=41, texts=TEXTS if texts is None else texts)


@pytest.mark.parametrize("verb", sorted(KINDS))
def test_every_event_has_what_its_class_demands(verb: str) -> None:
    body = entry(verb)
    event = event_of(body)
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["category_uid"] == event["class_uid"] // 1000
    assert event["time"] == 1_796_040_000_123
    assert event["severity_id"] in {1, 2, 3, 4}
    assert {"version", "product"} <= set(event["metadata"])
    assert (event["metadata"]["uid"], event["metadata"]["sequence"]) == ("0199-event", 41)
    assert event["metadata"]["event_code"] == verb
    assert event["unmapped"]["leaf_hash"] == leaf_hash(body).hex()
    assert all(event[name] for name in REQUIRED[OcsfClass(event["class_uid"])])


def test_a_persons_texts_are_there_only_where_they_are_given() -> None:
    body = entry("user:reauthentication_refused", token="awe_1234")
    event = event_of(body)
    assert (event["class_uid"], event["activity_id"], event["status"]) == (3002, 1, "Failure")
    assert event["actor"]["user"] == {"uid": "7", "name": "grace", "credential_uid": "awe_1234"}
    assert event["src_endpoint"] == {"ip": "192.0.2.7"}
    assert event["unmapped"]["texts"] == {"because": "it hung", "private.note": "n"}
    bare = json.dumps(event_of(body, {}))
    assert not any(text in bare for text in ("grace", "192.0.2.7", "it hung"))
    assert json.loads(bare)["actor"]["user"] == {"uid": "7", "credential_uid": "awe_1234"}


def test_who_acts_may_be_a_process_or_the_user_of_a_command() -> None:
    assert event_of(entry("run:started", kind="service", number=None), {"actor.name": "worker"})["actor"] == {
        "app_name": "awe-incidents worker"
    }
    assert event_of(entry("alarm:settled", kind="command", number=None))["actor"]["user"] == {"name": "grace"}
    assert event_of(entry("alarm:settled", kind="command", number=None), {})["actor"]["user"] == {"name": "command"}


@pytest.mark.parametrize(
    ("to", "status"), [("succeeded", "Success"), ("verify_failed", "Failure"), ("failed", "Failure")]
)
def test_how_an_execution_ended_is_its_status(to: str, status: str) -> None:
    assert event_of(entry("execution:finished", to=to))["status"] == status


def test_an_alarm_is_a_finding_that_says_what_it_says() -> None:
    event = event_of(entry("alarm:raised", says="executed, never approved: stop of api"))
    assert (event["class_uid"], event["severity"], event["status"]) == (2004, "High", "New")
    assert event["finding_info"]["title"] == "executed, never approved: stop of api"
    closed = event_of(entry("alarm:settled"))
    assert closed["finding_info"]["uid"] == event["finding_info"]["uid"]
    assert (closed["activity_name"], closed["status"]) == ("Close", "Resolved")


def test_a_verb_of_another_version_is_told_all_the_same() -> None:
    event = event_of(entry("moon:landed"))
    assert (event["class_uid"], event["activity_id"], event["activity_name"]) == (6003, 99, "Landed")


@pytest.mark.parametrize("body", [None, b"{}", b"no entry", b'{"a":1,"a":2}'])
def test_what_is_no_entry_is_told_as_a_finding(body: bytes | None) -> None:
    event = json.loads(ocsf_line(body, index=5, at=AT, texts={}))
    assert (event["class_uid"], event["metadata"]["sequence"], event["severity"]) == (2004, 5, "High")
    assert event["type_uid"] == 200401
