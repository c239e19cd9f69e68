"""How the trail is doing, in words and as JSON, with an exit code that a monitor can use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.utils import timezone

from awe_incidents.audit.anchor_rows import AnchorAnswer, clear_alarm, write_answer
from awe_incidents.audit.state import ANCHOR_IS_LATE, LATE, alarms_of, trail_state
from tests.audit import rows
from tests.audit.test_signer import Site

pytestmark = pytest.mark.django_db(transaction=True)
WITNESS = AnchorAnswer(name="witness.example/w1", kind="witness", answer="it signed", size=2)


@pytest.fixture
def signer(transactional_db: None, tmp_path: Path) -> Iterator[psycopg.Connection]:
    """Give the signer's connection, which has signed two entries just now."""
    with rows.connected(rows.SIGNER) as connection:
        site = Site(tmp_path / "trail", connection)
        site.now = int(timezone.now().timestamp())
        site.add(0, 1)
        site.signer().sign()
        site.folder.close()
        yield connection


def told(*words: str) -> tuple[int, str]:
    """Give the exit code and what is printed."""
    out = StringIO()
    try:
        call_command("trail_status", *words, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_a_trail_without_anything_is_quiet(transactional_db: None) -> None:
    code, words = told()
    assert (code, "Nothing is signed yet" in words) == (0, True)


def test_what_was_signed_and_held_is_told(signer: psycopg.Connection) -> None:
    assert "UNANCHORED" in told()[1]
    write_answer(signer, WITNESS)
    code, words = told()
    assert code == 0
    assert "The signer signed 2 of them" in words
    assert "witness witness.example/w1 holds 2 entries since" in words
    assert "UNANCHORED" not in words


def test_an_alarm_is_told_until_it_is_cleared(signer: psycopg.Connection) -> None:
    write_answer(signer, WITNESS)
    alarm = AnchorAnswer(name=WITNESS.name, kind="witness", answer="split", alarm="a split view", evidence="two notes")
    write_answer(signer, alarm)
    write_answer(signer, AnchorAnswer(name=WITNESS.name, kind="witness", answer="x", alarm="later", evidence="others"))
    write_answer(signer, WITNESS)
    code, words = told()
    assert (code, "ALARM witness.example/w1: a split view" in words) == (1, True)
    code, text = told("--json")
    content = json.loads(text)
    assert (code, content["alarms"]) == (1, ["witness.example/w1: a split view"])
    [anchor] = content["anchors"]
    assert (anchor["size"], anchor["answer"], anchor["evidence"]) == (2, "it signed", "two notes")
    assert clear_alarm(signer, WITNESS.name)
    assert told()[0] == 0


def test_since_when_an_answer_is_the_same_is_kept(signer: psycopg.Connection) -> None:
    write_answer(signer, AnchorAnswer(name="w", kind="witness", answer="away"))
    rows.execute_as_superuser("UPDATE audit_anchor SET since = since - interval '1 day'")
    for answer, is_kept in (("away", True), ("back", False)):
        write_answer(signer, AnchorAnswer(name="w", kind="witness", answer=answer))
        [one] = trail_state().anchors
        assert (one.asked_at - one.since > timedelta(hours=23)) is is_kept


def alarms(*, later: timedelta = timedelta()) -> list[str]:
    state = trail_state()
    return alarms_of(replace(state, now=state.now + later))


def test_a_signer_that_is_silent_is_an_alarm(signer: psycopg.Connection) -> None:
    write_answer(signer, WITNESS)
    assert alarms(later=LATE - timedelta(minutes=1)) == []
    [words] = alarms(later=LATE + timedelta(minutes=1))
    assert words.startswith("The signer is late: nothing was signed since")


@pytest.mark.parametrize("size", [None, 1])
def test_an_anchor_that_lags_behind_is_an_alarm(signer: psycopg.Connection, size: int | None) -> None:
    write_answer(signer, AnchorAnswer(name="w", kind="mail", answer="away", size=size))
    late = ANCHOR_IS_LATE + timedelta(minutes=1)
    assert [words for words in alarms(later=late) if words.startswith("w: nothing newer")]
    write_answer(signer, AnchorAnswer(name="w", kind="mail", answer="sent", size=2))
    assert not [words for words in alarms(later=late) if words.startswith("w:")]
