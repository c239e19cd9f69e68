"""Rotate the keys of the log: lay new ones beside the old, and record the statement that both sign.

From there on the signer does it, where it meets the entry (log_keys.py). Killed anywhere, the same again goes on: new
keys that lie there are taken, and what was recorded of them is not recorded twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction

from awe_incidents.actor import Actor
from awe_incidents.audit import note, trail
from awe_incidents.audit.cosignature import Clock
from awe_incidents.audit.errors import RotationImpossible
from awe_incidents.audit.log_folder import published_keys
from awe_incidents.audit.log_keys import LogKeys, locked_keys, next_keys, open_keys
from awe_incidents.audit.models import Entry, LogKey
from awe_incidents.audit.rotation import VERB, KeyPair, Rotation, rotation_of


@dataclass(frozen=True, slots=True)
class Rotated:
    """The keys that are to follow, and whether their entry was there already."""

    vkeys: KeyPair
    was_recorded: bool


def rotate_log_keys(*, folder: Path, passphrase: str, clock: Clock, by: Actor, at: datetime, because: str) -> Rotated:
    """Make new keys in the signer's folder, and record that they follow; the signer takes them from that entry on.

    Raises: RotationImpossible, LogKeyUnusable, TrailUnavailable, OSError.
    """
    if not because.strip():
        raise RotationImpossible("say why the keys are changed")
    with _beside_each_other(folder, passphrase=passphrase, clock=clock) as (origin, old, new):
        return Rotated(new.vkeys, _record(origin, old, new, by=by, at=at, because=because.strip()))


def prepare_log_keys(*, folder: Path, passphrase: str, clock: Clock) -> KeyPair:
    """Make the keys that a later rotation takes, and give the public ones, so that witnesses have them by then.

    Raises: RotationImpossible, LogKeyUnusable, OSError.
    """
    with _beside_each_other(folder, passphrase=passphrase, clock=clock) as (_, _, new):
        return new.vkeys


@contextmanager
def _beside_each_other(folder: Path, *, passphrase: str, clock: Clock) -> Iterator[tuple[str, LogKeys, LogKeys]]:
    """Give the log's name, the keys in force, and those that are to follow, made where none lie there."""
    published = published_keys(folder)
    if published is None:
        raise RotationImpossible(f"{folder} has no keys yet; the signer (sign_trail) makes them when it first starts")
    origin = (folder / "origin").read_text().removesuffix("\n")
    old = open_keys(folder, origin=origin, passphrase=passphrase, clock=clock, may_make=False)
    with locked_keys(folder):
        now = published_keys(folder)
        if now is None or now.newest != old.vkeys:
            raise RotationImpossible("the signer has just changed the keys; look at trail_status")
        yield origin, old, next_keys(folder, origin=origin, passphrase=passphrase, clock=clock)


@transaction.atomic
def _record(origin: str, old: LogKeys, new: LogKeys, *, by: Actor, at: datetime, because: str) -> bool:
    """Record the statement where it is not there yet; tell whether it was."""
    subject = LogKey.objects.filter(vkey=old.vkeys[0]).first()
    if subject is None:
        raise RotationImpossible("the signer of this folder has never worked with this database")
    for body in Entry.objects.filter(verb=VERB).order_by("-id").values_list("body", flat=True)[:1]:
        told = rotation_of(bytes(body))
        if told is not None and told.new == new.vkeys:
            return True
    signed = note.sign(bytes(Rotation(origin, old.vkeys, new.vkeys)), old.plain, new.plain)
    trail.record(VERB, subject=subject, by=by, at=at, because=because, data={"note": signed.decode()})
    return False
