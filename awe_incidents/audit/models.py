"""Tables of the trail. No foreign keys to others; the database refuses every change of an entry.

What is locked (`Sequence`) lies in another table than what never changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual

from awe_incidents.audit.canonical import MAX_BYTES
from awe_incidents.audit.merkle import EMPTY_ROOT

if TYPE_CHECKING:
    AnyField = models.Field[str, str]
else:
    from django.db.models import Field as AnyField


class TransactionIdField(AnyField):
    """The number of a transaction, which PostgreSQL never gives twice (`xid8`)."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Name the column's type."""
        return "xid8"


class CurrentTransaction(models.Func):
    """The number of the running transaction."""

    function = "pg_current_xact_id"
    output_field = TransactionIdField()


class Entry(models.Model):
    """One recorded fact: `body` is the truth, the other columns are derived from it for search."""

    body = models.BinaryField(max_length=MAX_BYTES, editable=False)  # canonical bytes, see canonical.py
    event_id = models.UUIDField(unique=True)
    verb = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=64)
    subject_id = models.CharField(max_length=64)
    actor = models.CharField(max_length=64)
    incident_id = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    # By it the sequencer finds what was committed since it last looked, with no second write (see sequencer.py).
    xid = TransactionIdField(db_default=CurrentTransaction(), editable=False)

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["xid", "id"], name="entry_transaction"),
            models.Index(fields=["subject_type", "subject_id", "id"], name="entry_subject"),
            models.Index(
                fields=["incident_id", "id"], name="entry_incident", condition=models.Q(incident_id__isnull=False)
            ),
            models.Index(fields=["actor", "id"], name="entry_actor"),
            models.Index(fields=["verb", "id"], name="entry_verb"),
            models.Index(fields=["occurred_at", "id"], name="entry_time"),
        ]
        constraints = [  # the signer reads no more of one; what came past `record()` would stop it
            models.CheckConstraint(
                name="entry_not_too_large", condition=LessThanOrEqual(Length("body"), models.Value(MAX_BYTES))
            )
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_type}:{self.subject_id}"


class Disclosure(models.Model):
    """The text behind a commitment in an entry; erasing it leaves the entry as it is."""

    # No constraint: both rows come from one call (recorder.py), and entries never go; the check locked each entry.
    entry = models.ForeignKey(
        Entry, on_delete=models.DO_NOTHING, related_name="disclosures", db_index=False, db_constraint=False
    )
    field = models.CharField(max_length=64)  # dotted place in the entry
    salt = models.BinaryField(max_length=16, editable=False)
    value = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(name="disclosure_once", fields=["entry", "field"])]

    def __str__(self) -> str:
        return f"{self.field} of entry {self.entry_id}"


class Leaf(models.Model):
    """The place of an entry in the tree: indexes are contiguous from 0, and each entry has one."""

    index = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)

    class Meta:
        verbose_name_plural = "leaves"

    def __str__(self) -> str:
        return f"entry {self.entry_id} at {self.index}"


class Subtree(models.Model):
    """The root of 256, 65,536 ... entries, so that proofs need not read all of a log; nothing is believed of it."""

    level = models.PositiveSmallIntegerField()  # of tiles: 1 is over 256 entries, each further one over 256 times more
    index = models.BigIntegerField()
    root = models.BinaryField(max_length=32, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="subtree_once", fields=["level", "index"])]

    def __str__(self) -> str:
        return f"subtree {self.index} of level {self.level}"


class LogKey(models.Model):
    """A public key of the log, as its signer published it when it started with it first.

    It signs checkpoints that end with an entry from `first` on, up to where the next pair of keys begins.
    """

    vkey = models.CharField(max_length=512, unique=True)
    first = models.BigIntegerField(db_default=0)
    published_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.vkey


class Sequence(models.Model):
    """The one row that the sequencer locks: the tree so far, and up to where it looked for entries."""

    id = models.PositiveSmallIntegerField(primary_key=True, db_default=1)
    size = models.BigIntegerField(db_default=0)
    root = models.BinaryField(max_length=32, db_default=EMPTY_ROOT)
    frontier = models.BinaryField(max_length=64 * 32, db_default=b"")  # roots of complete subtrees, largest first
    # Everything that this snapshot of PostgreSQL sees has its leaf. The first one sees nothing.
    seen = models.TextField(db_default="1:1:")
    # Where a look has more entries than one batch: its snapshot, and behind which entry to go on.
    looking = models.TextField(null=True)
    at_xid = TransactionIdField(db_default="0")
    at_id = models.BigIntegerField(db_default=0)

    class Meta:
        constraints = [models.CheckConstraint(name="sequence_is_one", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"a tree of {self.size}"


class Checkpoint(models.Model):
    """A signed tree head; only the signer's role can insert one. With cosignatures it comes as a further row."""

    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32, editable=False)
    note = models.BinaryField(editable=False)  # the signed note as it was published, with cosignatures behind
    signed_at = models.DateTimeField()  # by the log, whoever signed later
    witnesses = ArrayField(models.TextField(), null=True)  # the names of those whose cosignatures are in the note

    class Meta:
        indexes = [
            models.Index(fields=["size", "signed_at", "id"], name="checkpoint_order"),
            models.Index(
                fields=["size", "signed_at", "id"],
                name="checkpoint_witnessed",
                condition=models.Q(witnesses__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"


class Anchor(models.Model):
    """How it stands with a place outside that holds checkpoints, for people; only the signer's role writes it."""

    name = models.CharField(max_length=200, primary_key=True)
    kind = models.CharField(max_length=20)
    size = models.BigIntegerField(db_default=0)  # of the checkpoint that is held there
    held_at = models.DateTimeField(null=True)  # when that was last said
    answer = models.TextField()  # the last one, in words
    since = models.DateTimeField(db_default=Now())  # when the answer was first this one
    asked_at = models.DateTimeField(db_default=Now())
    alarm = models.TextField(db_default="")  # the first contradiction, until a person clears it
    alarm_at = models.DateTimeField(null=True)
    evidence = models.TextField(db_default="")  # signed notes and answers

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class AnchorProof(models.Model):
    """What a place outside gave for a checkpoint, beside signatures: a time-stamp token. Only ever added."""

    name = models.CharField(max_length=200)  # of the anchor
    size = models.BigIntegerField()
    note = models.BinaryField(editable=False)  # over which it was given
    proof = models.BinaryField(editable=False)
    held_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["name", "size", "id"], name="anchor_proof_order")]

    def __str__(self) -> str:
        return f"proof of {self.size} by {self.name}"
