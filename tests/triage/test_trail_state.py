"""The state of the trail: what is signed and what waits, a plot of it, keys, and alarms."""

from __future__ import annotations

import html
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.audit import signer as signing_module
from awe_incidents.audit.anchor_rows import AnchorAnswer, write_answer
from awe_incidents.audit.models import Entry
from awe_incidents.audit.state import MAX_WAITING, alarms_of, trail_state
from awe_incidents.triage.headers import DESK_POLICY
from diagnostics.models import Stack
from tests.api.trail import Signing, recorded
from tests.audit import rows
from tests.triage.world import signed_in

PAGE = "/admin/trail/"


def read(user: User) -> str:
    answer = signed_in(user).get(PAGE)
    assert answer.status_code == 200
    assert answer["Content-Security-Policy"] == DESK_POLICY
    return answer.content.decode()


def made_older(minutes: int) -> None:
    """Let what was recorded and signed have been so some minutes ago."""
    rows.tamper(
        f"UPDATE audit_entry SET recorded_at = recorded_at - interval '{minutes} min'",  # noqa: S608
        f"UPDATE audit_checkpoint SET signed_at = signed_at - interval '{minutes} min'",  # noqa: S608
    )


def test_it_tells_the_newest_checkpoint_and_the_keys(stack: Stack, auditor: User, signing: Signing) -> None:
    recorded(stack, 3)
    signing.sign()
    recorded(stack, 2)
    tree = signing.sign()
    page = read(auditor)
    assert tree.root.hex() in page
    assert f"<dd>{tree.size}</dd>" in page
    assert '<span class="desk-label desk-success">in time</span>' in page
    assert '<span class="desk-label desk-success">all stand</span>' in page
    assert all(vkey in html.unescape(page) for vkey in signing.vkeys)
    assert "desk-refusal" not in page
    assert "Held outside of this service" in page


def test_it_tells_who_holds_checkpoints_outside_and_their_alarms(stack: Stack, auditor: User, signing: Signing) -> None:
    recorded(stack, 3)
    signing.sign()
    with rows.connected(rows.SIGNER) as signer:
        one = AnchorAnswer(
            name="witness.example/w1", kind="witness", answer="it <signed>", size=3, alarm="a split view"
        )
        write_answer(signer, one)
    page = read(auditor)
    assert "witness.example/w1" in page
    assert "3 entries" in page
    assert "it &lt;signed&gt;" in page
    assert "witness.example/w1: a split view" in page


def test_a_log_that_was_never_signed_is_told_without_alarm(stack: Stack, auditor: User, signing: Signing) -> None:
    recorded(stack)
    page = read(auditor)
    assert "none yet" in page
    assert "nothing signed yet" in page
    assert "None was made yet." in page
    assert alarms_of(trail_state()) == []


def test_what_waits_is_counted_and_told_of_after_a_minute(stack: Stack, auditor: User, signing: Signing) -> None:
    signing.sign()
    recorded(stack, 3)
    state = trail_state()
    assert (state.waiting.number, state.unsigned, alarms_of(state)) == (3, 0, [])
    made_older(2)
    assert "3, the first for 2 min" in read(auditor)
    assert alarms_of(trail_state()) == ["Entries wait for their place for more than a minute. Does the sequencer run?"]
    signing.sequence()
    state = trail_state()
    assert (state.waiting.number, state.unsigned) == (0, 3)
    assert alarms_of(state) == ["Entries have a place and no signature for more than a minute. Does the signer run?"]


def test_a_long_backlog_is_counted_up_to_a_bound(stack: Stack, auditor: User, signing: Signing) -> None:
    rows.insert_many(MAX_WAITING + 50)
    assert trail_state().waiting.number == MAX_WAITING
    assert "1,000 or more" in read(auditor)


@pytest.mark.parametrize(("minutes", "is_late"), [(9, False), (12, True)])
def test_a_signer_that_misses_its_heartbeat_is_late(
    stack: Stack, auditor: User, signing: Signing, minutes: int, is_late: bool
) -> None:
    recorded(stack)
    signing.sign()
    made_older(minutes)
    state = trail_state()
    assert state.signer_is_late is is_late
    assert ("The signer is late" in read(auditor)) is is_late
    assert any("The signer is late" in one for one in alarms_of(state)) is is_late


def test_a_signer_is_not_late_while_it_must_not_sign(stack: Stack, auditor: User, signing: Signing) -> None:
    recorded(stack)
    signing.sign()
    made_older(20)
    recorded(stack)  # without a place: the sequencer is, then
    state = trail_state()
    assert not state.signer_is_late
    assert "waits for the sequencer" in read(auditor)
    assert state.now - timezone.now() < timedelta(seconds=signing_module.HEARTBEAT_SECONDS)


def test_a_signer_that_never_began_is_late_in_the_end(stack: Stack, signing: Signing) -> None:
    recorded(stack)
    signing.sequence()
    made_older(12)
    assert trail_state().signer_is_late


def test_a_guard_that_is_off_is_an_alarm(stack: Stack, auditor: User, signing: Signing) -> None:
    with rows.connected(rows.SUPERUSER) as superuser:
        superuser.execute("ALTER TABLE audit_leaf DISABLE TRIGGER audit_leaf_no_change")
        try:
            page = read(auditor)
        finally:
            superuser.execute("ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER audit_leaf_no_change")
    assert "The append-only guard audit_leaf_no_change of audit_leaf is not always on" in page
    assert '<span class="desk-label desk-danger">broken</span>' in page


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit_sequence SET size = size - 1", "rows are gone"),
        (f"UPDATE audit_sequence SET root = '\\x{'00' * 32}'", "another one than the signed one"),  # noqa: S608
        ("DELETE FROM audit_sequence", "audit_sequence is gone"),
    ],
)
def test_a_log_that_contradicts_what_was_signed_is_an_alarm(
    stack: Stack, auditor: User, signing: Signing, statement: str, words: str
) -> None:
    recorded(stack)
    signing.sign()
    with rows.connected(rows.SUPERUSER) as superuser:
        before: Any = superuser.execute("SELECT * FROM audit_sequence").fetchone()
        superuser.execute(statement)
        try:
            page = read(auditor)
        finally:
            superuser.execute("DELETE FROM audit_sequence")
            holes = ", ".join(["%s"] * len(before))
            superuser.execute(f"INSERT INTO audit_sequence VALUES ({holes})", before)  # noqa: S608
    assert words in page


def test_it_costs_the_same_in_a_long_log(
    stack: Stack, auditor: User, signing: Signing, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        recorded(stack, 20)
        signing.sign()
        time.sleep(0.3)  # a signature's time is in whole seconds, and a plot needs two of them
    client = signed_in(auditor)
    with django_assert_max_num_queries(11):
        page = client.get(PAGE).content.decode()
    assert "<polyline" in page
    assert "the last 5 checkpoints" in page


def test_only_auditors_read_it_and_nothing_is_posted(operator: User, administrator: User, auditor: User) -> None:
    for user in (operator, administrator):
        client = signed_in(user)
        assert client.get(PAGE).status_code == 403
        assert PAGE not in client.get("/admin/").content.decode()
    assert f'href="{PAGE}"' in signed_in(auditor).get("/admin/").content.decode()
    assert signed_in(auditor).post(PAGE).status_code == 405
    assert Client().get(PAGE)["Location"].startswith("/admin/login/")
    assert Entry.objects.exists()
