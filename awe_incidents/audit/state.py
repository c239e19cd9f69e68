"""How it stands with the trail: what is signed, what waits, and what somebody should look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from awe_incidents.audit import canonical
from awe_incidents.audit.errors import SequenceMissing
from awe_incidents.audit.models import Anchor, Checkpoint, Entry, Leaf, Sequence
from awe_incidents.audit.queries import KnownKey, driver_connection, known_keys
from awe_incidents.audit.sequencer import Waiting, waiting_entries
from awe_incidents.audit.signer import HEARTBEAT_SECONDS
from awe_incidents.audit.tripwire import BrokenGuard, append_only_tables, broken_guards

MAX_WAITING = 1_000  # that are counted
MAX_RAISED = 50  # alarms in the trail that are told
LATE = timedelta(seconds=HEARTBEAT_SECONDS + 60)
TOO_LONG = timedelta(minutes=1)
ANCHOR_IS_LATE = timedelta(hours=3)  # most anchors take something every hour


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailState:
    """The trail at one time of the database's clock."""

    now: datetime
    newest: Checkpoint | None
    placed: int | None  # entries with a place in the tree; None where nothing says how many
    placed_root: bytes
    is_drained: bool  # the sequencer's last look came to its end
    waiting: Waiting
    unsigned_since: datetime | None  # when the first entry was recorded that has a place and no signature
    guards: list[BrokenGuard]
    keys: list[KnownKey]
    anchors: list[Anchor]  # witnesses and others who hold checkpoints outside
    raised: list[str]  # alarms that the trail has and nobody settled, in words

    @property
    def signed(self) -> int:
        """Give how many entries are signed."""
        return self.newest.size if self.newest else 0

    @property
    def unsigned(self) -> int:
        """Give how many entries have a place and no signature."""
        return max(0, (self.placed or 0) - self.signed)

    @property
    def signer_has_to_sign(self) -> bool:
        """Say whether the signer signs in this state: not in the middle of a backlog, not an empty log."""
        return bool(self.placed) and self.is_drained and not self.waiting.number

    @property
    def silent_since(self) -> datetime | None:
        """Give when the signer was last heard of, or when it should have begun."""
        return self.newest.signed_at if self.newest else self.unsigned_since

    @property
    def signer_is_late(self) -> bool:
        """Say whether the signer should have signed by now: a heartbeat comes every ten minutes."""
        return self.signer_has_to_sign and self.silent_since is not None and self.now - self.silent_since > LATE


def trail_state() -> TrailState:
    """Look at the trail; it costs the same however long it is."""
    newest = Checkpoint.objects.order_by(
        "-size", "-signed_at", "-id"
    ).first()  # before the rest: nothing is signed that has no place yet
    sequence = Sequence.objects.annotate(now=Now()).first()
    with driver_connection() as driver:
        try:
            waiting = waiting_entries(driver, limit=MAX_WAITING)
        except SequenceMissing:
            waiting = Waiting(0, None)
    return TrailState(
        now=sequence.now if sequence else _now(),
        newest=newest,
        placed=sequence.size if sequence else None,
        placed_root=bytes(sequence.root) if sequence else b"",
        is_drained=sequence is not None and sequence.looking is None,
        waiting=waiting,
        unsigned_since=_recorded_at(newest.size if newest else 0),
        guards=broken_guards(connection, append_only_tables()),
        keys=known_keys(),
        anchors=list(Anchor.objects.order_by("name")),
        raised=raised_alarms(),
    )


def raised_alarms() -> list[str]:
    """Give what entries `alarm:raised` say, oldest first, where none says `alarm:settled` of the same alarm."""
    settled = Entry.objects.filter(subject_type="alarm", subject_id=OuterRef("subject_id"), verb="alarm:settled")
    raised = Entry.objects.filter(~Exists(settled), verb="alarm:raised").order_by("id")
    return [_words_of_alarm(bytes(body)) for body in raised.values_list("body", flat=True)[:MAX_RAISED]]


def _words_of_alarm(body: bytes) -> str:
    content = canonical.parse(body)
    return f"Alarm {content['subject']['id']}, stack {content['data']['stack_name']}: {content['data']['says']}"


def last_checkpoints(number: int) -> list[Checkpoint]:
    """Give the checkpoints that were signed last, oldest first, without their notes."""
    return list(Checkpoint.objects.defer("note").order_by("-size", "-signed_at", "-id")[:number])[::-1]


def alarms_of(state: TrailState) -> list[str]:
    """Say what somebody should look at."""
    alarms = [f"The append-only guard {guard}." for guard in state.guards]
    if state.placed is None:
        alarms.append("The one row of audit_sequence is gone, so no entry gets its place: restore the database.")
    elif state.placed < state.signed:
        alarms.append(f"{state.signed} entries were signed and only {state.placed} have a place: rows are gone.")
    elif state.newest and state.placed == state.signed and bytes(state.newest.root) != state.placed_root:
        alarms.append("The sequencer's tree is another one than the signed one: export the trail and verify it.")
    if state.signer_is_late:
        since = state.silent_since
        alarms.append(f"The signer is late: nothing was signed since {since:%Y-%m-%d %H:%M:%S} UTC. Does it run?")
    if _is_old(state.waiting.since, state):
        alarms.append("Entries wait for their place for more than a minute. Does the sequencer run?")
    if state.unsigned and _is_old(state.unsigned_since, state):
        alarms.append("Entries have a place and no signature for more than a minute. Does the signer run?")
    return [*alarms, *(words for one in state.anchors for words in _alarms_of_anchor(one, state)), *state.raised]


def _alarms_of_anchor(anchor: Anchor, state: TrailState) -> Iterator[str]:
    if anchor.alarm:
        yield f"{anchor.name}: {anchor.alarm}"
    last = anchor.held_at or anchor.since
    if anchor.size < state.signed and state.now - last > ANCHOR_IS_LATE:
        yield f"{anchor.name}: nothing newer than {anchor.size} entries is held there since {last:%Y-%m-%d %H:%M} UTC"


def _is_old(since: datetime | None, state: TrailState) -> bool:
    return since is not None and state.now - since > TOO_LONG


def _recorded_at(index: int) -> datetime | None:
    entry = Leaf.objects.filter(index=index).values("entry_id")[:1]
    return Entry.objects.filter(pk__in=entry).values_list("recorded_at", flat=True).first()


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone() or (None,)
    assert isinstance(now, datetime)
    return now
