"""The page of one entry: what was recorded, what is left of its texts, and a proof that holds elsewhere."""

from __future__ import annotations

import hashlib
import html
import json
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import verify_trail
from awe_incidents.audit.erasing import erase_texts
from awe_incidents.audit.models import Entry
from awe_incidents.triage.facts import address
from diagnostics.models import Stack
from tests.api.trail import Signing, recorded
from tests.audit import rows
from tests.conftest import SETUP
from tests.triage.world import SCRIPT, signed_in

OLGA = Actor(kind="user", name="olga", user_id=3, token_prefix="abcd1234", address="192.0.2.7", on_behalf_of="rita")


def read(client: Client, entry: Entry) -> str:
    answer = client.get(address(entry))
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_says_in_plain_words_what_was_recorded(stack: Stack, auditor: User) -> None:
    (entry,) = recorded(
        stack, verb="stack:secret_set", by=OLGA, because=f"rotated {SCRIPT}", incident_id=7, data={"name": "token"}
    )
    page = html.unescape(read(signed_in(auditor), entry))
    assert f"Stack secret set: stack {stack.pk}, by user 3 (olga) with token abcd1234 for rita, from 192.0.2.7" in page
    assert f"in incident #7, because “rotated {SCRIPT}”." in page
    assert "<td>token</td>" in page
    assert f'href="{address(stack)}">stack:{stack.pk}</a>' in page
    assert "The entry waits for its place in the tree" in page
    assert SCRIPT not in read(signed_in(auditor), entry)


def test_an_erased_text_is_shown_as_erased(stack: Stack, auditor: User) -> None:
    (entry,) = recorded(stack, because="a secret of Maria", by=OLGA)
    client = signed_in(auditor)
    assert "a secret of Maria" in read(client, entry)
    erase_texts(event_id=entry.event_id, fields=["because"], by=SETUP, at=timezone.now(), because="asked for")
    page = read(client, entry)
    assert "Maria" not in page
    assert '<span class="desk-label desk-warning">erased</span>' in page
    assert "olga" in page


def test_the_proof_is_drawn_from_the_leaf_to_the_signed_root(stack: Stack, auditor: User, signing: Signing) -> None:
    entry = recorded(stack, 6)[2]
    tree = signing.sign()
    page = read(signed_in(auditor), entry)
    start = page.index('<svg viewBox="0 0 360')
    drawing = ET.fromstring(page[start : page.index("</svg>", start) + 6])  # noqa: S314  our own page
    titles = [one.text or "" for one in drawing.iter("title")]
    leaf = hashlib.sha256(b"\0" + bytes(entry.body)).hexdigest()
    assert titles[0].endswith(leaf)
    assert titles[-1] == f"entries 0 to {tree.size - 1}: {tree.root.hex()}"
    words = [one.text or "" for one in drawing.iter("text")]
    assert f"Root of {tree.size} entries" in words
    assert any(one.startswith("signed 20") and one.endswith(" UTC") for one in words)
    assert f"{leaf[:8]}…" in words
    assert "<script" not in page[start : page.index("</figure>")]


def test_the_downloads_and_the_shown_command_verify_offline(
    stack: Stack, auditor: User, signing: Signing, tmp_path: Path
) -> None:
    entry = recorded(stack, 5)[1]
    signing.sign()
    client = signed_in(auditor)
    for part, suffix in (("body", "json"), ("proof", "tlog-proof")):
        answer = client.get(address(entry, part=part))
        name = f"{entry.event_id}.{suffix}"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        (tmp_path / name).write_bytes(answer.content)
    assert (tmp_path / f"{entry.event_id}.json").read_bytes() == bytes(entry.body)
    page = html.unescape(read(client, entry))
    shown = page.partition('desk-command">')[2].partition("</pre>")[0]
    words = shlex.split(shown)
    assert words[:3] == ["python3", "-I", "verify_trail.py"]
    command = [sys.executable, "-I", verify_trail.__file__, *words[3:]]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.returncode == verify_trail.VERDICTS["UNANCHORED"][0], told.stdout + told.stderr
    (tmp_path / f"{entry.event_id}.json").write_bytes(bytes(entry.body).replace(b"tried", b"other"))
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.returncode == verify_trail.VERDICTS["TAMPERED"][0]


def test_a_proof_that_is_not_there_yet_is_a_refusal_that_says_so(stack: Stack, auditor: User, signing: Signing) -> None:
    (entry,) = recorded(stack)
    answer = signed_in(auditor).get(address(entry, part="proof"))
    assert answer.status_code == 409
    assert "<p>The entry waits for its place in the tree; try again in a second.</p>" in answer.content.decode()
    signing.sequence()
    assert "Nothing was signed yet; is the signer running (manage.py sign_trail)?<" in read(signed_in(auditor), entry)
    signing.sign()
    (later,) = recorded(stack)
    signing.sequence()
    page = read(signed_in(auditor), later)
    assert "no checkpoint covers it yet" in page
    assert "desk-command" not in page


def test_columns_and_texts_that_were_changed_are_alarms(stack: Stack, auditor: User, signing: Signing) -> None:
    (entry,) = recorded(stack, because="it hung")
    client = signed_in(auditor)
    assert "desk-refusal" not in read(client, entry)
    with rows.connected(rows.SUPERUSER) as superuser:
        superuser.execute("ALTER TABLE audit_disclosure DISABLE TRIGGER audit_disclosure_no_change")
        superuser.execute("UPDATE audit_disclosure SET value = 'all was well' WHERE field = 'because'")
        superuser.execute("ALTER TABLE audit_disclosure ENABLE ALWAYS TRIGGER audit_disclosure_no_change")
    rows.tamper(f"UPDATE audit_entry SET verb = 'stack:praised' WHERE id = {entry.pk}")  # noqa: S608
    page = read(client, entry)
    assert "The search columns say something else than the entry: verb." in page
    assert "A text is not the one that was recorded: because." in page
    assert "not what was recorded</span> all was well" in page
    assert "Stack tried" in page  # of the signed bytes


def test_bytes_that_are_no_entry_or_not_the_signed_one_are_alarms(
    stack: Stack, auditor: User, signing: Signing
) -> None:
    first, second = recorded(stack, 2)
    signing.sign()
    body = bytes(second.body).replace(b"tried", b"other")
    rows.tamper(
        f"UPDATE audit_entry SET body = '\\x00' WHERE id = {first.pk}",  # noqa: S608
        f"UPDATE audit_entry SET body = '\\x{body.hex()}' WHERE id = {second.pk}",  # noqa: S608
    )
    client = signed_in(auditor)
    for entry in (first, second):
        page = read(client, entry)
        assert "are not those that were signed" in page
        assert '<svg viewBox="0 0 360' not in page
    assert "The stored bytes are no entry any more" in read(client, first)


def test_a_page_costs_the_same_in_a_long_log(
    stack: Stack, auditor: User, signing: Signing, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    entry = recorded(stack)[0]
    rows.insert_many(600)
    signing.sign()
    client = signed_in(auditor)
    with django_assert_max_num_queries(14):
        assert "desk-path-root" in read(client, entry)


def test_who_is_no_auditor_downloads_nothing(stack: Stack, operator: User, reporter: User) -> None:
    (entry,) = recorded(stack)
    for user in (operator, reporter):
        for part in ("change", "body", "proof"):
            assert signed_in(user).get(address(entry, part=part)).status_code == 403
    assert json.loads(bytes(entry.body))["verb"] == "stack:tried"
