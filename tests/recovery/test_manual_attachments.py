"""Files of what was done by hand: they go the way of those of bug reports, and stay as long as the record does."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.growth import operations as growth
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.errors import ReportInvalid, TooManyAttachments
from awe_incidents.incidents.models import Attachment, AttachmentContent, AttachmentOriginal, TimelineEntry
from awe_incidents.incidents.operations import apply_retention, prepare_attachment
from awe_incidents.incidents.queries import visible_attachments
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.recovery.errors import RoleRequired
from awe_incidents.recovery.models import ManualAction, ManualAttachment
from awe_incidents.recovery.operations import attach_to_manual_action, record_manual_action
from awe_incidents.recovery.queries import manual_attachments
from tests import pictures
from tests.incidents.test_retention import close
from tests.incidents.test_retention import file as filed_days_ago
from tests.recovery.conftest import World, actor
from tests.triage.world import JWT

LOG = f"Authorization: Bearer {JWT}\nrestarted\n".encode()


def text(content: bytes = LOG, name: str = "shell.log") -> Upload:
    return Upload(place="attachment/0", kind=AttachmentKind.TEXT, file_name=name, content=content)


def screenshot(content: bytes | None = None) -> Upload:
    shot = pictures.photo_with_place() if content is None else content
    return Upload(place="screenshot/0", kind=AttachmentKind.SCREENSHOT, file_name="shell.jpg", content=shot)


def record(world: World, *uploads: Upload, **more: Any) -> ManualAction:
    user = world.operator
    now = timezone.now()
    said: dict[str, Any] = {"done_by": "me", "done_at": now, "because": "it was stuck", "by": actor(user), **more}
    return record_manual_action(stack=world.stack, at=now, uploads=uploads, user=user, **said)


def add(action: ManualAction, user: User, *uploads: Upload) -> list[Attachment]:
    return attach_to_manual_action(action=action, uploads=uploads, user=user, by=actor(user), at=timezone.now())


def added_entries() -> list[dict[str, Any]]:
    return [json.loads(bytes(one.body)) for one in Entry.objects.filter(verb="attachment:added").order_by("id")]


def test_files_are_kept_redacted_and_the_trail_tells_of_each(world: World) -> None:
    incident = world.incident()
    action = record(world, text(), screenshot(), incident=incident)
    log, shot = manual_attachments().filter(manual__action=action).order_by("pk")

    kept = bytes(AttachmentContent.objects.get(pk=log.content_id).data)
    assert JWT.encode() not in kept
    assert JWT.encode() not in bytes(Entry.objects.latest("pk").body)
    told_log, told_shot = added_entries()
    original = hashlib.sha256(screenshot().content).hexdigest()
    assert told_log["data"] == {
        "manual_action": action.pk,
        "kind": "text",
        "sha256": log.content_id,
        "bytes": len(LOG),
        "media_type": "text/plain",
    }
    assert (told_shot["data"]["sha256"], told_shot["data"]["media_type"]) == (original, "image/jpeg")
    assert {one["incident"] for one in (told_log, told_shot)} == {incident.pk}
    assert "with 2 files" in TimelineEntry.objects.get(incident=incident, kind="manual_action").text

    assert (shot.state, log.state) == ("pending", "ready")
    prepare_attachment(attachment_id=shot.pk)
    shot.refresh_from_db()
    assert (shot.state, shot.media_type) == ("ready", "image/jpeg")
    assert not AttachmentOriginal.objects.exists()
    prepared = Entry.objects.get(verb="attachment:prepared")
    assert (prepared.subject_id, prepared.incident_id) == (str(shot.pk), incident.pk)
    assert json.loads(bytes(prepared.body))["data"]["sha256"] == shot.content_id


def test_without_an_incident_files_are_kept_all_the_same(world: World) -> None:
    record(world, screenshot(pictures.png(9, 9, pixels=b"none")))
    (shot,) = manual_attachments()
    prepare_attachment(attachment_id=shot.pk)
    shot.refresh_from_db()
    assert shot.state == "refused"
    assert Entry.objects.get(verb="attachment:refused").incident_id is None


def test_a_file_that_cannot_be_taken_leaves_nothing(world: World) -> None:
    with pytest.raises(ReportInvalid, match="byte 1 is NUL"):
        record(world, text(), text(b"a\0b"))
    for model in (ManualAction, Attachment, AttachmentContent):
        assert not model.objects.exists()
    assert not Entry.objects.filter(verb__in=["attachment:added", "manual_action:recorded"]).exists()


def test_retention_and_collection_leave_them(world: World, reporter: User) -> None:
    same = text(b"one line\n", "app.log")
    filed = filed_days_ago(world.stack, reporter, days_ago=401, uploads=(same,))
    record(world, same, incident=filed.report.incident)
    close(filed, world.operator)
    assert AttachmentContent.objects.count() == 1, "both have the same text"

    removed = apply_retention(at=timezone.now())
    assert (removed.reports, removed.attachments) == (1, 1)
    assert growth.collect_contents(at=timezone.now()) == 0
    (left,) = manual_attachments()
    assert AttachmentContent.objects.get().pk == left.content_id


def test_the_database_keeps_them_whoever_asks(world: World, reporter: User) -> None:
    action = record(world, text())
    other = record(world)
    (kept,) = manual_attachments()
    with pytest.raises(IntegrityError), transaction.atomic():
        _delete_at_once(kept)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        ManualAttachment.objects.update(action=other)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        ManualAttachment.objects.all()._raw_delete("default")
    report = filed_days_ago(world.stack, reporter, days_ago=1).report
    with pytest.raises(IntegrityError, match="attachment_incident"), transaction.atomic():
        Attachment.objects.create(
            report=report, incident=world.incident(), kind="screenshot", label="x", received_bytes=1,
            added_at=timezone.now(), rung_at=timezone.now(),
        )  # fmt: skip
    assert action.attached.get().attachment == kept


def _delete_at_once(attachment: Attachment) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM incidents_attachment WHERE id = %s", [attachment.pk])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_who_recorded_it_adds_more_up_to_a_bound(world: World, other_operator: User) -> None:
    action = record(world, text(), incident=world.incident())
    add(action, world.operator, screenshot(), text(b"more\n"))
    assert manual_attachments().filter(manual__action=action).count() == 3
    assert TimelineEntry.objects.filter(kind="manual_action", text__contains="goes on with 2 files").exists()
    for stranger in (other_operator, world.approver):
        with pytest.raises(RoleRequired):
            add(action, stranger, text())
    add(action, world.operator, *[text(b"%d\n" % n) for n in range(10)])
    add(action, world.operator, *[text(b"%d\n" % n) for n in range(10)])
    with pytest.raises(TooManyAttachments, match="30 attachments"):
        add(action, world.operator, *[text(b"%d\n" % n) for n in range(8)])
    assert action.attached.count() == 23


@pytest.mark.django_db(transaction=True)
def test_of_many_who_add_at_once_none_gets_past_the_bound(world: World) -> None:
    action = record(world)
    refused: list[Exception] = []

    def add_ten(number: int) -> None:
        try:
            add(action, world.operator, *[text(b"%d of %d\n" % (n, number)) for n in range(10)])
        except TooManyAttachments as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=add_ten, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (action.attached.count(), len(refused)) == (30, 3)


def test_files_of_reports_and_of_manual_actions_are_told_apart(world: World, reporter: User) -> None:
    record(world, text(name="by-hand.log"))
    filed_days_ago(world.stack, reporter, days_ago=0, uploads=(text(name="of-report.log"),))
    (of_report,), (by_hand,) = visible_attachments(world.operator), manual_attachments()
    assert (of_report.label, by_hand.label) == ("of-report.log", "by-hand.log")
    assert list(visible_attachments(reporter)) == [of_report]
