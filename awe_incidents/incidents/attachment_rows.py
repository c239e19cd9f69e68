"""Tables of attachments: what is given out of them, once per content, and pictures as they came until made anew."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from awe_incidents.growth.models import Content
from awe_incidents.incidents.states import AttachmentKind, AttachmentState


class AttachmentContent(Content):
    """What is given out, once per content: remade pictures and redacted texts."""

    size_bytes = models.PositiveIntegerField()  # uncompressed
    is_compressed = models.BooleanField()  # zlib, for texts
    data = models.BinaryField(editable=False)


class Attachment(models.Model):
    """A file, a screenshot or a text such as a log, that belongs to a bug report or to something of a layer above.

    What a layer above attached points from there at this row, and keeps it.
    """

    # No key in the database points into a table whose months are dropped; both rows go together.
    report = models.ForeignKey(
        "incidents.BugReport", on_delete=models.CASCADE, related_name="attachments", null=True, db_constraint=False
    )
    incident = models.ForeignKey(  # that it is for, if any, of what belongs to no report; a report knows its own
        "incidents.Incident", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in AttachmentKind])
    label = models.CharField(max_length=100)  # the file's name as people may read it; never a path
    state = models.CharField(
        max_length=16, default=AttachmentState.PENDING, choices=[(s.value, s.value) for s in AttachmentState]
    )
    received_bytes = models.PositiveIntegerField()
    media_type = models.CharField(max_length=32, blank=True, default="")  # ours, of the content
    content = models.ForeignKey(AttachmentContent, on_delete=models.PROTECT, related_name="uses", null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    frames = models.PositiveIntegerField(null=True)  # that came; the first is kept
    redactions = models.JSONField(default=dict)  # receipt of a text
    refusal = models.CharField(max_length=300, blank=True, default="")
    added_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)  # when it became ready or was refused
    rung_at = models.DateTimeField(null=True)  # when the doorbell of a pending one was last rung
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)  # counts claims; a stale worker's write is refused

    class Meta:
        constraints = [
            models.CheckConstraint(name="attachment_kind", condition=Q(kind__in=list(AttachmentKind))),
            models.CheckConstraint(name="attachment_incident", condition=Q(report=None) | Q(incident=None)),
            models.CheckConstraint(
                name="attachment_settled_whole",
                condition=Q(state=AttachmentState.PENDING, content=None, settled_at=None, rung_at__isnull=False)
                | (Q(state=AttachmentState.READY, content__isnull=False, settled_at__isnull=False) & ~Q(media_type=""))
                | (Q(state=AttachmentState.REFUSED, content=None, settled_at__isnull=False) & ~Q(refusal="")),
            ),
        ]
        indexes = [models.Index(fields=["rung_at"], name="attachment_open", condition=Q(state=AttachmentState.PENDING))]

    def __str__(self) -> str:
        return self.label


class AttachmentOriginal(models.Model):
    """A picture as it came, until it was made anew; never given out."""

    attachment = models.OneToOneField(Attachment, on_delete=models.CASCADE, primary_key=True, related_name="original")
    format = models.CharField(max_length=8)  # in Pillow's word
    data = models.BinaryField(editable=False)

    def __str__(self) -> str:
        return f"original of attachment {self.attachment_id}"
