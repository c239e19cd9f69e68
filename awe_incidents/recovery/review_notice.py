"""Table of the notices that tell people of a break-glass by mail."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from awe_incidents.recovery.states import FINAL_NOTICES, NoticeState


class ReviewNotice(models.Model):
    """That one person is told of one break-glass; the row is the truth, and a message only rings for it."""

    review = models.ForeignKey("recovery.Review", on_delete=models.PROTECT, related_name="notices", db_index=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=16, default=NoticeState.WAITING)
    tries = models.PositiveIntegerField(default=0)  # counts claims; a stale worker's write is refused
    ring_at = models.DateTimeField(db_default=Now())  # from when on the sweeper rings
    lease_until = models.DateTimeField(null=True)  # by the database's clock
    settled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=200, default="")  # in words of ours: no address, nothing that a server said

    class Meta:
        constraints = [
            models.UniqueConstraint(name="notice_once", fields=["review", "person"]),
            models.CheckConstraint(name="notice_state", condition=Q(state__in=list(NoticeState))),
            models.CheckConstraint(
                name="notice_leased", condition=~Q(state=NoticeState.SENDING) | Q(lease_until__isnull=False)
            ),
            models.CheckConstraint(
                name="notice_settled",
                condition=Q(state__in=FINAL_NOTICES, settled_at__isnull=False)
                | (~Q(state__in=FINAL_NOTICES) & Q(settled_at=None)),
            ),
        ]
        indexes = [models.Index(fields=["ring_at"], name="notice_open", condition=~Q(state__in=FINAL_NOTICES))]

    def __str__(self) -> str:
        return f"notice {self.pk} of review {self.review_id}"
