"""Files of what was done by hand, at the desk: sent with the form, shown where the record is, and nothing runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.attachments import MAX_REQUEST_BYTES
from awe_incidents.incidents.models import Attachment, Incident
from awe_incidents.incidents.operations import prepare_attachment
from awe_incidents.recovery.models import ManualAction
from awe_incidents.recovery.queries import manual_attachments
from awe_incidents.triage import receiving
from awe_incidents.triage.facts import address, list_address
from diagnostics.models import Stack
from tests import pictures
from tests.conftest import _person
from tests.recovery.conftest import World, rings, world
from tests.triage.test_manual_actions import PART, said
from tests.triage.world import JWT, SCRIPT, signed_in

__all__ = ["rings", "world"]  # fixtures
LOG = f"Authorization: Bearer {JWT}\n{SCRIPT}\n".encode()


def file(content: bytes, name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/html")


def record(client: Client, thing: Incident | Stack, **files: list[SimpleUploadedFile]) -> Any:
    return client.post(address(thing, part=PART), {**said(), **files})


def with_files(client: Client, thing: Incident | Stack) -> tuple[ManualAction, Attachment, Attachment]:
    shot = file(pictures.photo_with_place(), "shot <b>.jpg")
    answer = record(client, thing, screenshots=[shot], texts=[file(LOG, "shell.html")])
    assert answer.status_code == 302, answer.content.decode()
    picture, log = manual_attachments().order_by("kind")
    return ManualAction.objects.get(), picture, log


def test_the_form_takes_files_and_says_what_becomes_of_them(incident: Incident, operator: User) -> None:
    page = signed_in(operator).get(address(incident, part=PART)).content.decode()
    assert 'enctype="multipart/form-data"' in page
    assert page.count('type="file"') == 2
    assert page.count(" multiple") == 2
    assert "10 at most, 10 MB each" in page


def test_files_are_shown_on_the_pages_of_record_and_incident_and_leave_as_downloads(
    incident: Incident, operator: User, auditor: User
) -> None:
    client = signed_in(operator)
    action, picture, log = with_files(client, incident)
    before = client.get(address(incident, part="live"))
    assert before["X-Live"] == "going", "the picture waits"
    prepare_attachment(attachment_id=picture.pk)
    assert client.get(address(incident, part="live"))["ETag"] != before["ETag"]

    for reader in (client, signed_in(auditor)):
        for path in (address(action), address(incident)):
            page = reader.get(path).content.decode()
            assert "shot &lt;b&gt;.jpg" in page, path
            assert address(log) in page, path
        shown = reader.get(address(action)).content.decode()
        assert f'src="{address(picture, part="content")}"' in shown
        page = reader.get(address(log)).content.decode()
        assert f"Manual action {action.pk}" in page
        assert SCRIPT not in page
        assert JWT not in page
        answer = reader.get(address(picture, part="content"))
        assert answer["Content-Type"] == "image/jpeg"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert b"SecretCamera" not in answer.content
        download = reader.get(address(log, part="content"))
        assert download["Content-Type"] == "text/plain; charset=utf-8"
        assert download["Content-Disposition"].startswith("attachment; ")
    assert "shell.html" in client.get(list_address(Attachment)).content.decode()


def test_the_page_of_a_request_shows_what_was_done_by_hand_for_its_incident(world: World) -> None:
    incident = world.incident()
    request = world.ask(incident=incident)
    client = signed_in(world.operator)
    before = client.get(address(request, part="live"))["ETag"]
    action, _, log = with_files(client, incident)
    page = client.get(address(request)).content.decode()
    assert address(action) in page
    assert address(log) in page
    assert client.get(address(request, part="live"))["ETag"] != before


def test_reporters_see_none_of_them(incident: Incident, reporter: User, operator: User) -> None:
    _, picture, log = with_files(signed_in(operator), incident)
    prepare_attachment(attachment_id=picture.pk)
    client = signed_in(reporter)
    for one in (picture, log):
        for part in ("change", "content"):
            assert client.get(address(one, part=part)).status_code == 404
    assert "shell.html" not in client.get(list_address(Attachment)).content.decode()
    assert "shell.html" not in client.get(address(incident)).content.decode()


def test_a_file_that_is_not_taken_is_named_and_nothing_is_recorded(stack: Stack, operator: User) -> None:
    wrong = [file(b"<svg onload='alert(1)'/>", "a.png"), file(pictures.bomb(), "<i>.png"), file(b"", "none.png")]
    answer = record(signed_in(operator), stack, screenshots=wrong, texts=[file(b"a\0b", "nul.log")])
    assert answer.status_code == 400
    page = answer.content.decode()
    for words in ("screenshot 1 (a.png)", "screenshot 2 (&lt;i&gt;.png)", "the file is empty", "byte 1 is NUL"):
        assert words in page, words
    assert "Choose the files again" in page
    many = record(signed_in(operator), stack, texts=[file(b"x", f"{n}.log") for n in range(11)])
    assert many.status_code == 400
    assert not ManualAction.objects.exists()
    assert not Attachment.objects.exists()


def test_who_recorded_it_adds_files_and_nobody_else(stack: Stack, operator: User) -> None:
    client = signed_in(operator)
    record(client, stack)
    action = ManualAction.objects.get()
    assert "Add files" in client.get(address(action)).content.decode()
    here = address(action, part="attach")
    assert client.post(here, {}).status_code == 400
    answer = client.post(here, {"texts": [file(LOG, "later.log")]})
    assert (answer.status_code, answer["Location"]) == (302, address(action))
    assert "later.log" in client.get(address(action)).content.decode()
    assert Entry.objects.filter(verb="attachment:added").count() == 1
    other = signed_in(_person("another", Role.OPERATOR))
    assert "Add files" not in other.get(address(action)).content.decode()
    assert other.get(here).status_code == 403
    assert other.post(here, {"texts": [file(LOG, "others.log")]}).status_code == 409
    assert action.attached.count() == 1


def test_a_form_that_is_too_long_is_refused_before_it_is_parsed(
    stack: Stack, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = [file(b"x" * 9_000_000, f"{n}.log") for n in range(4)]
    assert sum(one.size or 0 for one in large) > MAX_REQUEST_BYTES
    assert record(signed_in(operator), stack, texts=large).status_code == 400
    assert not ManualAction.objects.exists()


def test_nobody_unknown_sends_files(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr(receiving.BoundedUploads, "new_file", lambda self, *args, **kwargs: taken.append(args[1]))
    large = file(b"x" * 100_000, "large.log")
    sent = {"username": "nobody", "password": "x", "file": large}
    answer = Client().post(reverse("admin:login"), sent)
    assert answer.status_code == 400
    assert taken == []


def test_what_is_sent_touches_no_disk(stack: Stack, operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a file was put into a temporary one")

    monkeypatch.setattr("django.core.files.uploadedfile.TemporaryUploadedFile.__init__", refuse)
    assert record(signed_in(operator), stack, texts=[file(b"y" * 5_000_000, "long.log")]).status_code == 302
    assert manual_attachments().get().received_bytes == 5_000_000


def test_it_is_recorded_in_time(stack: Stack, operator: User) -> None:
    later = {**said(), "done_at": f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%S}"}
    answer = signed_in(operator).post(address(stack, part=PART), {**later, "texts": [file(LOG, "a.log")]})
    assert answer.status_code == 400
    assert not Attachment.objects.exists()
