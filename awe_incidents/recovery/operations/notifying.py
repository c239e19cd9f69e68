"""Tell by mail who may review a break-glass: a row for each, sent by a worker, and at most once as far as that goes.

What a server surely did not take is tried again until the review is done or was due. Where a worker or the line to the
server is lost in between, nobody knows whether it went; it is not sent again, and the desk goes on showing the review.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.actor import service
from awe_incidents.audit import trail
from awe_incidents.recovery import mailing, queue
from awe_incidents.recovery.errors import NotClaimed
from awe_incidents.recovery.mailing import Delivery
from awe_incidents.recovery.models import Review, ReviewNotice
from awe_incidents.recovery.operations.moving import database_now
from awe_incidents.recovery.queries import may_review, reviewers_of
from awe_incidents.recovery.states import NoticeState, ReviewState
from diagnostics.queries import seconds

LEASE_SECONDS = 300.0  # the mail server may take its time at each of its answers (EMAIL_TIMEOUT)
RING_AGAIN_SECONDS = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 15.0, 1800.0  # between tries; each is twice the one before
BATCH = 200
MAILER = service("mailer")

log = structlog.get_logger(__name__)


def write_notices(review: Review) -> int:
    """Write a notice for everybody who may review a break-glass and has an address, and ring; give how many.

    Without a mail server there are none: the desk shows the review.
    """
    if not mailing.is_configured():
        return 0
    first = Now() + seconds(RING_AGAIN_SECONDS)
    people = reviewers_of(review).exclude(email="").order_by("pk")
    rows = ReviewNotice.objects.bulk_create(ReviewNotice(review=review, person=one, ring_at=first) for one in people)
    for row in rows:
        queue.ring_notice(row.pk)
    return len(rows)


def notify_reviewer(*, notice_id: int) -> None:
    """Send one notice and keep what became of it.

    Raises: NotClaimed.
    """
    notice = claim_notice(notice_id=notice_id)
    needless = _why_needless(notice)
    done = Delivery(NoticeState.NEEDLESS, needless) if needless else mailing.deliver(mailing.mail_of(notice))
    settle_notice(notice, done, at=timezone.now())


def claim_notice(*, notice_id: int) -> ReviewNotice:
    """Take a waiting notice under a lease by conditional update.

    Raises: NotClaimed.
    """
    related = ("person", "review__stack", "review__broken_by", "review__request")
    notice = ReviewNotice.objects.select_related(*related).filter(pk=notice_id).first()
    claimed = notice and ReviewNotice.objects.filter(
        pk=notice.pk, state=NoticeState.WAITING, tries=notice.tries
    ).update(state=NoticeState.SENDING, tries=notice.tries + 1, lease_until=Now() + seconds(LEASE_SECONDS))
    if notice is None or not claimed:
        raise NotClaimed(f"notice {notice_id} was taken by another worker, is settled, or is not there")
    notice.tries += 1
    return notice


def _why_needless(notice: ReviewNotice) -> str:
    if notice.review.state != ReviewState.DUE:
        return "it was reviewed before the mail went"
    if not may_review(notice.review, notice.person) or not notice.person.email:
        return "the person reviews no more, or has no address any more"
    return ""


@transaction.atomic
def settle_notice(notice: ReviewNotice, done: Delivery, *, at: datetime) -> bool:
    """Keep what became of a claimed notice, if the claim still holds; say whether it did.

    What was surely not taken waits for its next try, as long as the review is not overdue.
    """
    held = ReviewNotice.objects.select_for_update(of=("self",)).select_related("review__request")
    row = held.filter(pk=notice.pk, state=NoticeState.SENDING, tries=notice.tries).first()
    if row is None:
        return False  # the lease ran out, and the sweeper has settled it
    if done.state == NoticeState.WAITING and database_now() < row.review.due_at:
        log.warning("notice of a break-glass not sent, tried again", notice=row.pk, tries=row.tries, why=done.words)
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (row.tries - 1), LONGEST_PAUSE_SECONDS)
        ReviewNotice.objects.filter(pk=row.pk).update(
            state=NoticeState.WAITING, outcome=done.words, lease_until=None, ring_at=Now() + seconds(pause)
        )
        return True
    state = NoticeState.FAILED if done.state == NoticeState.WAITING else done.state
    ReviewNotice.objects.filter(pk=row.pk).update(state=state, outcome=done.words, lease_until=None, settled_at=at)
    request = row.review.request
    data = {"request": request.pk, "review": row.review_id, "person": row.person_id, "tries": row.tries}
    trail.record(
        "recovery_request:notified",
        subject=request,
        by=MAILER,
        at=at,
        incident_id=request.incident_id,
        data={**data, "outcome": state},
    )
    return True


def sweep_notices(*, at: datetime) -> None:
    """Ring again for what waits, and say of what a lost worker was sending that nobody knows."""
    lost = ReviewNotice.objects.filter(state=NoticeState.SENDING, lease_until__lt=Now())
    words = "the worker was lost while it was sent; it is not sent again"
    for notice in lost.order_by("pk")[:BATCH]:
        settle_notice(notice, Delivery(NoticeState.UNKNOWN, words), at=at)
    waiting = ReviewNotice.objects.filter(state=NoticeState.WAITING, ring_at__lte=Now())
    ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:BATCH])
    rung = ReviewNotice.objects.filter(pk__in=ids, state=NoticeState.WAITING)
    rung.update(ring_at=Now() + seconds(RING_AGAIN_SECONDS))
    for notice_id in ids:
        queue.ring_notice(notice_id)
