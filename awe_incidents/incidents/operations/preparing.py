"""Pictures made anew: claim a pending one, remake it in a process that can be killed, keep only the result."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.actor import service
from awe_incidents.audit import trail
from awe_incidents.growth import contents
from awe_incidents.incidents import queue
from awe_incidents.incidents.errors import AlreadyClaimed
from awe_incidents.incidents.models import Attachment, AttachmentOriginal
from awe_incidents.incidents.operations.attaching import new_content
from awe_incidents.incidents.states import AttachmentState
from awe_incidents.incidents.uploads.errors import FileRefused
from awe_incidents.incidents.uploads.remaking import Remade, remake
from diagnostics.bounded import Limits, call, preload
from diagnostics.queries import seconds

LIMITS = Limits(seconds=20.0, memory_bytes=1024**3)  # 40 megapixels take 160 MB as often as they are copied
LEASE_SECONDS = LIMITS.seconds + 10.0  # to start the process and to store as well
MAX_AT_ONCE = 2  # each takes a processor and hundreds of megabytes; the others wait in line
MAX_CLAIMS = 3  # a picture that took as many workers with it is not tried again
RING_AGAIN_SECONDS = 3
BATCH = 50
WORKER = service("worker")

preload("awe_incidents.incidents.uploads.preload")


def prepare_attachment(*, attachment_id: int) -> None:
    """Make a pending picture anew and store the outcome.

    Raises: AlreadyClaimed, when another worker was first or enough are being made (the sweeper rings again).
    """
    row = claim_attachment(attachment_id=attachment_id)
    original = AttachmentOriginal.objects.get(pk=row.pk)
    called = call(remake, bytes(original.data), original.format, limits=LIMITS)
    made = called.answer
    if made is None:
        over = called.seconds >= LIMITS.seconds
        why = f"within {LIMITS.seconds:g} s" if over else "within the memory that a picture may take"
        made = FileRefused(f"the picture could not be decoded {why}; scale it down")
    store_attachment(row=row, made=made, at=timezone.now())


def claim_attachment(*, attachment_id: int) -> Attachment:
    """Take a pending row under a lease by conditional update.

    Raises: AlreadyClaimed.
    """
    row = Attachment.objects.get(pk=attachment_id)
    if _being_made() >= MAX_AT_ONCE:
        raise AlreadyClaimed(f"{MAX_AT_ONCE} pictures are being made anew already")
    claimed = Attachment.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=Now()),
        Q(fence=row.fence, fence__lt=MAX_CLAIMS),
        pk=row.pk,
        state=AttachmentState.PENDING,
    ).update(fence=row.fence + 1, lease_until=Now() + seconds(LEASE_SECONDS))
    if not claimed:
        raise AlreadyClaimed(f"attachment {row.pk} was taken by another worker, or is done")
    row.fence += 1
    return row


def _being_made() -> int:
    return Attachment.objects.filter(state=AttachmentState.PENDING, lease_until__gt=Now()).count()


@transaction.atomic
def store_attachment(*, row: Attachment, made: Remade | FileRefused, at: datetime) -> bool:
    """Store the outcome if the claim still holds, and drop the original; say whether it was stored."""
    held = (
        Attachment.objects.select_for_update(of=("self",))
        .select_related("report")
        .filter(pk=row.pk, state=AttachmentState.PENDING, fence=row.fence)
    )
    attachment = held.first()
    if attachment is None:
        return False  # the lease ran out and somebody else was faster
    _settle(attachment, made, at=at)
    following = Attachment.objects.filter(state=AttachmentState.PENDING, lease_until=None).order_by("rung_at")
    for waiting_id in following.values_list("pk", flat=True)[:MAX_AT_ONCE]:  # who ends at the same time sees the same
        queue.ring_attachment(waiting_id)
    return True


def _settle(attachment: Attachment, made: Remade | FileRefused, *, at: datetime) -> None:
    report = attachment.report
    incident_id = report.incident_id if report else attachment.incident_id
    of = {"report": report.pk} if report else {}  # of others the entry tells whose they are that added them
    AttachmentOriginal.objects.filter(pk=attachment.pk).delete()
    settled = Attachment.objects.filter(pk=attachment.pk)
    if isinstance(made, FileRefused):
        refusal = str(made)
        settled.update(state=AttachmentState.REFUSED, refusal=refusal, settled_at=at, lease_until=None)
        trail.record(
            "attachment:refused",
            subject=attachment,
            by=WORKER,
            at=at,
            because=refusal,
            incident_id=incident_id,
            data=of,
        )
        return
    sha256 = hashlib.sha256(made.data).hexdigest()
    contents.keep([new_content(made.data, sha256, compress=False)])
    settled.update(
        state=AttachmentState.READY,
        media_type=made.media_type,
        content_id=sha256,
        width=made.width,
        height=made.height,
        settled_at=at,
        lease_until=None,
    )
    trail.record(
        "attachment:prepared",
        subject=attachment,
        by=WORKER,
        at=at,
        incident_id=incident_id,
        data={**of, "sha256": sha256, "bytes": len(made.data), "media_type": made.media_type},
    )


def sweep_attachments(*, at: datetime) -> int:
    """Ring again for pictures that wait longer than a doorbell takes, and give up those that took workers with them."""
    open_ones = Attachment.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=Now()),
        state=AttachmentState.PENDING,
        rung_at__lt=Now() - seconds(RING_AGAIN_SECONDS),
    )
    waiting = list(open_ones.order_by("rung_at")[:BATCH])
    for row in waiting:
        if row.fence >= MAX_CLAIMS:
            lost = FileRefused(f"{row.fence} workers were lost while they decoded the picture; not tried again")
            store_attachment(row=row, made=lost, at=at)
        else:
            queue.ring_attachment(row.pk)
    Attachment.objects.filter(pk__in=[row.pk for row in waiting], state=AttachmentState.PENDING).update(rung_at=Now())
    return len(waiting)
