"""Table of which files belong to which record of what was done by hand."""

from __future__ import annotations

from django.db import models

from awe_incidents.incidents.models import Attachment


class ManualAttachment(models.Model):
    """A file of a manual action; append-only, so what is attached stays as long as the record does."""

    attachment = models.OneToOneField(
        Attachment, on_delete=models.PROTECT, primary_key=True, related_name="manual", db_index=False
    )
    action = models.ForeignKey("recovery.ManualAction", on_delete=models.PROTECT, related_name="attached")

    def __str__(self) -> str:
        return f"attachment {self.attachment_id} of manual action {self.action_id}"
