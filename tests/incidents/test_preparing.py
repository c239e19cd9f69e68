"""Pictures that wait: claimed once, made anew in a process of their own, in the end ready or refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents import operations, queue
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.errors import AlreadyClaimed
from awe_incidents.incidents.models import Attachment, AttachmentContent, AttachmentOriginal
from awe_incidents.incidents.operations import preparing
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.incidents.uploads import FileRefused
from diagnostics.bounded import Limits
from diagnostics.models import Stack
from diagnostics.operations import sweep
from tests import pictures
from tests.incidents.test_operations import FIELDS, actor


def screenshot(data: bytes, name: str = "shot.png") -> Upload:
    return Upload(place="screenshot/0", kind=AttachmentKind.SCREENSHOT, file_name=name, content=data)


def file_with(stack: Stack, user: User, *uploads: Upload) -> list[Attachment]:
    filed = operations.file_bug_report(
        stack=stack, fields=FIELDS, reporter=user, by=actor(user), at=timezone.now(), uploads=uploads
    )
    return list(filed.report.attachments.order_by("id"))


@pytest.fixture
def pending(stack: Stack, reporter: User) -> Attachment:
    """A picture that waits."""
    return file_with(stack, reporter, screenshot(pictures.photo_with_place(), "photo.jpg"))[0]


def doorbells(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the attachments that are rung for."""
    rung: list[int] = []
    monkeypatch.setattr(queue, "ring_attachment", rung.append)
    return rung


def lapse(attachment: Attachment) -> None:
    """Let the lease of a claim run out, and some seconds go by."""
    past = timezone.now() - timedelta(minutes=1)
    Attachment.objects.filter(pk=attachment.pk).update(lease_until=past, rung_at=past)


def test_a_picture_is_made_anew_and_its_original_is_gone(pending: Attachment) -> None:
    assert (pending.state, pending.content_id) == ("pending", None)
    original = AttachmentOriginal.objects.get()
    assert b"SecretCamera" in bytes(original.data)

    operations.prepare_attachment(attachment_id=pending.pk)

    pending.refresh_from_db()
    assert (pending.state, pending.media_type, pending.width, pending.height) == ("ready", "image/jpeg", 30, 40)
    assert not AttachmentOriginal.objects.exists()
    assert b"SecretCamera" not in bytes(AttachmentContent.objects.get().data)
    entry = Entry.objects.get(verb="attachment:prepared")
    assert (entry.subject_id, entry.actor) == (str(pending.pk), "service:worker")
    assert str(pending.content_id).encode() in bytes(entry.body)


def test_the_same_picture_twice_is_kept_once(stack: Stack, reporter: User) -> None:
    both = file_with(stack, reporter, *[screenshot(pictures.picture())] * 2)
    for one in both:
        operations.prepare_attachment(attachment_id=one.pk)
    assert AttachmentContent.objects.count() == 1
    assert Attachment.objects.filter(state="ready").values("content").distinct().count() == 1


def test_a_picture_that_cannot_be_decoded_is_refused_with_its_reason(stack: Stack, reporter: User) -> None:
    (broken,) = file_with(stack, reporter, screenshot(pictures.png(50, 50, pixels=b"no pixels")))
    operations.prepare_attachment(attachment_id=broken.pk)
    broken.refresh_from_db()
    assert (broken.state, broken.content_id) == ("refused", None)
    assert "cannot be decoded" in broken.refusal
    assert not AttachmentOriginal.objects.exists()
    assert Entry.objects.filter(verb="attachment:refused", subject_id=str(broken.pk)).exists()


@pytest.mark.parametrize("limits", [Limits(seconds=0.05, memory_bytes=1024**3), Limits(seconds=20, memory_bytes=2**28)])
def test_time_and_memory_are_bounded(
    stack: Stack, reporter: User, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "LIMITS", limits)
    (large,) = file_with(stack, reporter, screenshot(pictures.png(6300, 6300)))
    operations.prepare_attachment(attachment_id=large.pk)
    large.refresh_from_db()
    assert large.state == "refused"
    assert large.refusal


def test_a_bomb_below_the_limit_is_decoded_within_bounds(stack: Stack, reporter: User) -> None:
    (large,) = file_with(stack, reporter, screenshot(pictures.png(6300, 6300)))
    operations.prepare_attachment(attachment_id=large.pk)
    large.refresh_from_db()
    assert (large.state, large.width) == ("ready", 6300), large.refusal


def test_a_picture_is_claimed_once(pending: Attachment) -> None:
    preparing.claim_attachment(attachment_id=pending.pk)
    with pytest.raises(AlreadyClaimed):
        operations.prepare_attachment(attachment_id=pending.pk)
    pending.refresh_from_db()
    assert pending.state == "pending"


def test_a_few_are_made_at_once_and_the_next_is_rung_for(
    stack: Stack, reporter: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung = doorbells(monkeypatch)
    shots = [screenshot(pictures.picture(color=color)) for color in ("red", "green", "blue")]
    first, second, third = file_with(stack, reporter, *shots)
    claimed = preparing.claim_attachment(attachment_id=first.pk)
    preparing.claim_attachment(attachment_id=second.pk)
    with pytest.raises(AlreadyClaimed, match="being made"):
        preparing.claim_attachment(attachment_id=third.pk)
    rung.clear()

    assert preparing.store_attachment(row=claimed, made=FileRefused("no"), at=timezone.now())

    assert rung == [third.pk]


def test_an_outcome_that_comes_too_late_is_not_stored(pending: Attachment) -> None:
    late = preparing.claim_attachment(attachment_id=pending.pk)
    lapse(pending)
    operations.prepare_attachment(attachment_id=pending.pk)
    assert not preparing.store_attachment(row=late, made=FileRefused("late"), at=timezone.now())
    pending.refresh_from_db()
    assert pending.state == "ready"


def test_the_sweeper_rings_again_and_gives_up_after_some_workers(
    pending: Attachment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung = doorbells(monkeypatch)
    sweep(at=timezone.now())
    assert rung == []  # it was rung for just now
    for _ in range(preparing.MAX_CLAIMS):
        lapse(pending)
        sweep(at=timezone.now())
        preparing.claim_attachment(attachment_id=pending.pk)
    assert rung == [pending.pk] * preparing.MAX_CLAIMS
    lapse(pending)
    with pytest.raises(AlreadyClaimed):
        preparing.claim_attachment(attachment_id=pending.pk)
    sweep(at=timezone.now())
    pending.refresh_from_db()
    assert pending.state == "refused"
    assert "workers were lost" in pending.refusal
    assert not AttachmentOriginal.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incidents_attachment SET label = 'other'",
        "UPDATE incidents_attachment SET report_id = 1",
        "UPDATE incidents_attachmentoriginal SET data = ''",
        "UPDATE incidents_attachmentcontent SET data = ''",
        "UPDATE incidents_attachment SET state = 'ready'",
        "UPDATE incidents_attachment SET state = 'refused', settled_at = now()",
        "UPDATE incidents_attachment SET state = 'shown'",
    ],
)
def test_the_database_refuses_what_no_table_of_states_allows(pending: Attachment, statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        connection.cursor().execute(statement)
