"""Contents under their digest, which many may refer to, and how far the collector has walked through them."""

from __future__ import annotations

from django.db import models


class Content(models.Model):
    """Bytes that are stored once, under the SHA-256 of what they are; whoever stores some calls `contents.keep`.

    A table takes part in the collection by being one: its rows go when no foreign key points at them any more.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.sha256[:12]


class Walk(models.Model):
    """How far the collector is in one table; its lock keeps two from walking there at once."""

    table = models.CharField(max_length=63, primary_key=True)
    reached = models.CharField(max_length=64, default="", blank=True)
    rounds = models.PositiveBigIntegerField(default=0)  # from the first digest to the last

    def __str__(self) -> str:
        return f"{self.table} at {self.reached[:12] or 'the beginning'}"
