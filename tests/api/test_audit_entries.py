"""Entries for auditors: found by what they are about, with exact bytes and a proof that an auditor verifies."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import canonical
from awe_incidents.audit.erasing import erase_texts
from awe_incidents.audit.models import Entry, Subtree
from diagnostics.models import Stack
from tests.api.conftest import client_with, pointers_of, problem_of, token_of
from tests.api.trail import Signing, recorded
from tests.audit import rows
from tests.conftest import SETUP

ENTRIES = "/api/v1/audit/entries/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def client(auditor: User) -> APIClient:
    """The auditor's client."""
    return client_with(token_of(auditor))


def of(entry: Entry, part: str = "") -> str:
    return f"{ENTRIES}{entry.event_id}/{part}"


def listed(client: APIClient, **asked: Any) -> list[int]:
    """Give the numbers of all entries of a list, page by page."""
    found, url = [], ENTRIES
    while url:
        answer = client.get(url, asked)
        assert answer.status_code == 200, answer.content
        found += [one["id"] for one in answer.json()["results"]]
        url, asked = answer.json()["next"], {}
    return found


def test_an_entry_tells_what_was_recorded(client: APIClient, stack: Stack, signing: Signing) -> None:
    (entry,) = recorded(stack, because="it hung", incident_id=7, data={"number": 3}, private={"note": "of nobody"})
    told = client.get(of(entry)).json()
    assert (told["index"], told["is_signed"], told["links"]["proof"]) == (None, False, None)
    size = signing.sign().size
    told = client.get(of(entry)).json()
    assert (told["index"], told["is_signed"]) == (size - 1, True)
    assert told["links"]["proof"].endswith(of(entry, "proof/"))
    assert told["subject"] == {"type": "stack", "id": str(stack.pk)}
    assert (told["verb"], told["actor"], told["incident"]) == ("stack:tried", "service:test", 7)
    assert told["body"] == json.loads(bytes(entry.body))
    assert told["leaf_hash"] == hashlib.sha256(b"\0" + bytes(entry.body)).hexdigest()
    texts = {one["field"]: one for one in told["disclosures"]}
    assert texts["because"]["text"] == "it hung"
    assert texts["private.note"]["text"] == "of nobody"
    for one in texts.values():
        assert canonical.commitment(bytes.fromhex(one["salt"]), one["text"]) == one["commitment"]
        assert told["body"]["commitments"][one["field"]] == one["commitment"]


def test_an_erased_text_is_told_as_erased(client: APIClient, stack: Stack) -> None:
    (entry,) = recorded(stack, because="a name that nobody may read any more")
    erase_texts(event_id=entry.event_id, fields=["because"], by=SETUP, at=timezone.now(), because="asked for")
    answer = client.get(of(entry))
    assert "a name that nobody" not in answer.content.decode()
    texts = {one["field"]: one for one in answer.json()["disclosures"]}
    assert (texts["because"]["is_erased"], texts["because"]["text"], texts["because"]["salt"]) == (True, None, None)
    assert texts["because"]["commitment"] == answer.json()["body"]["commitments"]["because"]
    assert texts["actor.name"]["is_erased"] is False
    told = client.get(ENTRIES, {"verb": "entry:erased"}).json()["results"]
    assert [one["body"]["data"]["event"] for one in told] == [str(entry.event_id)]


def test_the_bytes_of_an_entry_are_the_signed_ones(client: APIClient, stack: Stack) -> None:
    (entry,) = recorded(stack, private={"note": "ünïcode"})
    answer = client.get(of(entry, "body/"))
    assert answer.content == bytes(entry.body)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{entry.event_id}.json"'
    again = client.get(of(entry, "body/"), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("number", [1, 256, 300, 600])
def test_a_proof_is_verified_by_the_auditors_file(
    client: APIClient, stack: Stack, signing: Signing, tmp_path: Path, number: int
) -> None:
    entries = recorded(stack, number)
    signing.sign()
    for entry in (entries[0], entries[number // 2], entries[-1]):
        answer = client.get(of(entry, "proof/"))
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{entry.event_id}.tlog-proof"'
        (tmp_path / "one.tlog-proof").write_bytes(answer.content)
        (tmp_path / "entry.json").write_bytes(client.get(of(entry, "body/")).content)
        index = client.get(of(entry)).json()["index"]
        files = ("--proof", str(tmp_path / "one.tlog-proof"), "--entry", str(tmp_path / "entry.json"))
        done = signing.verify(*files, "--index", str(index))
        assert json.loads(done.stdout)["verdict"] == "UNANCHORED", "right, and nobody outside has signed"
        assert done.returncode == 3
        assert signing.verify(*files, "--index", str(index + 1)).returncode == 17


def test_an_entry_that_is_not_signed_yet_has_no_proof_yet(client: APIClient, stack: Stack, signing: Signing) -> None:
    (entry,) = recorded(stack)
    for is_sequenced in (False, True):
        if is_sequenced:
            signing.sequence()
        answer = client.get(of(entry, "proof/"))
        problem_of(answer, 409, "awaits-signature")
        assert int(answer.headers["Retry-After"]) > 0
    signing.sign()
    assert client.get(of(entry, "proof/")).status_code == 200
    (later,) = recorded(stack)
    signing.sequence()
    assert "no checkpoint covers it" in problem_of(client.get(of(later, "proof/")), 409, "awaits-signature")["detail"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET body = replace(body::text, encode('tried', 'hex'), encode('cried', 'hex'))::bytea",
        "DELETE FROM audit_entry WHERE id = (SELECT max(id) - 1 FROM audit_entry)",
        "UPDATE audit_checkpoint SET note = 'nonsense'",
    ],
)
def test_no_proof_is_given_that_does_not_lead_to_what_was_signed(
    client: APIClient, stack: Stack, signing: Signing, statement: str
) -> None:
    entry = recorded(stack, 3)[-1]
    signing.sign()
    rows.tamper(statement)
    assert "verify" in problem_of(client.get(of(entry, "proof/")), 500, "trail-broken")["detail"]


@pytest.mark.django_db(transaction=True)
def test_an_entry_whose_bytes_are_none_any_more_is_still_listed(client: APIClient, stack: Stack) -> None:
    (entry,) = recorded(stack)
    rows.tamper("UPDATE audit_entry SET body = 'no json' WHERE id = (SELECT max(id) FROM audit_entry)")
    told = client.get(of(entry)).json()
    assert (told["body"], told["disclosures"]) == (None, [])
    assert listed(client)[0] == entry.pk


def test_hashes_that_are_not_stored_are_told_of_and_made_by_the_sequencer(
    client: APIClient, stack: Stack, signing: Signing
) -> None:
    entry = recorded(stack, 300)[-1]
    signing.sign()
    proof = client.get(of(entry, "proof/")).content
    rows.tamper("DELETE FROM audit_subtree")
    problem_of(client.get(of(entry, "proof/")), 503, "no-trail-hashes")
    signing.fill()
    assert Subtree.objects.count() == 1
    assert client.get(of(entry, "proof/")).content == proof


def test_entries_are_listed_both_ways(client: APIClient, stack: Stack) -> None:
    recorded(stack, 7)
    numbers = list(Entry.objects.order_by("id").values_list("id", flat=True))
    assert listed(client, page_size=3) == numbers[::-1]
    assert listed(client, page_size=3, order="oldest") == numbers


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("span", [{}, {"occurred_after": "2020-01-01T00:00:00Z"}])
def test_pages_lead_back_as_well(client: APIClient, stack: Stack, order: str, span: dict[str, Any]) -> None:
    recorded(stack, 3, at=NOON)
    recorded(stack, 4, at=NOON - timedelta(hours=1))
    first = client.get(ENTRIES, span | {"page_size": 3, "order": order}).json()
    assert first["previous"] is None
    second = client.get(first["next"]).json()
    assert client.get(second["previous"]).json()["results"] == first["results"]
    assert client.get(client.get(second["next"]).json()["previous"]).json()["results"] == second["results"]


def test_entries_of_a_time_span_come_in_the_order_of_time(client: APIClient, stack: Stack) -> None:
    late, early, same = (recorded(stack, 2, at=NOON + timedelta(hours=hours)) for hours in (5, 1, 1))
    recorded(stack, at=NOON + timedelta(hours=6))
    recorded(stack, at=NOON)
    span = {"occurred_after": "2026-03-01T13:00:00Z", "occurred_before": "2026-03-01T18:00:00Z"}
    wanted = [entry.pk for entry in (*early, *same, *late)]
    for page_size in (1, 2, 3, 100):
        assert listed(client, order="oldest", page_size=page_size, **span) == wanted
        assert listed(client, page_size=page_size, **span) == wanted[::-1]


@pytest.mark.parametrize("cursor", [0, -0, 1, 2**63 - 1, -1])
@pytest.mark.parametrize("span", [{}, {"occurred_after": "2020-01-01T00:00:00Z"}])
def test_any_cursor_gives_a_page(client: APIClient, stack: Stack, cursor: int, span: dict[str, str]) -> None:
    recorded(stack)
    for order in ("newest", "oldest"):
        assert client.get(ENTRIES, {"cursor": cursor, "order": order, **span}).status_code == 200


def test_filters_find_what_they_say(client: APIClient, stack: Stack, reporter: User) -> None:
    person = Actor(kind="user", name=reporter.username, user_id=reporter.pk)
    (one,) = recorded(stack, verb="stack:tried", by=person, incident_id=7)
    (two,) = recorded(reporter, verb="stacks:tried", incident_id=8)
    assert listed(client, subject_type="stack", subject_id=stack.pk)[0] == one.pk
    assert two.pk in listed(client, subject_type="user")
    assert listed(client, subject_type="user", subject_id=reporter.pk)[0] == two.pk
    assert listed(client, actor=f"user:{reporter.pk}") == [one.pk]
    assert listed(client, verb="stack:tried") == [one.pk]
    of_stacks = Entry.objects.filter(verb__startswith="stack:").order_by("-id").values_list("id", flat=True)
    assert len(of_stacks) == 2, "it was created, too"
    assert listed(client, verb="stack:") == list(of_stacks)
    assert listed(client, verb="nothing:") == []
    assert listed(client, incident=8) == [two.pk]
    assert listed(client, incident=7, verb="stack:", actor=f"user:{reporter.pk}", subject_type="stack") == [one.pk]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("verb=opened", "verb"),
        ("verb=Incident:opened", "verb"),
        ("subject_id=5", "subject_id"),
        ("subject_type=", "subject_type"),
        ("incident=x", "incident"),
        ("incident=0", "incident"),
        ("order=random", "order"),
        ("occurred_after=yesterday", "occurred_after"),
        ("occurred_after=2026-03-02T00:00:00Z&occurred_before=2026-03-01T00:00:00Z", "occurred_before"),
        ("cursor=x", "cursor"),
        ("page_size=101", "page_size"),
        ("actor=" + "x" * 65, "actor"),
        ("subject=stack", "subject"),
    ],
)
def test_a_question_that_cannot_be_is_refused(client: APIClient, query: str, pointer: str) -> None:
    body = problem_of(client.get(f"{ENTRIES}?{query}"), 400, "invalid")
    assert pointers_of(body) == [("query", f"#/{pointer}")]


@pytest.mark.parametrize("part", ["", "body/", "proof/"])
def test_what_is_not_there_is_not_found(client: APIClient, part: str) -> None:
    problem_of(client.get(f"{ENTRIES}{UUID(int=1)}/{part}"), 404, "not-found")
    problem_of(client.get(f"{ENTRIES}5/{part}"), 404, "not-found")


def test_a_page_asks_little_of_the_database(
    client: APIClient, stack: Stack, signing: Signing, django_assert_max_num_queries: Any
) -> None:
    recorded(stack, 60)
    signing.sign()
    with django_assert_max_num_queries(7):
        assert len(client.get(ENTRIES, {"page_size": 50}).json()["results"]) == 50
