"""The signer: signs the tree that the entries' bytes make, and nothing that contradicts what it signed before.

It believes the database nothing but what it can compute. Each time: read the new entries, grow the head that lies in
its own folder, hold that against the sequencer's, write the tiles, store the head for good, sign, publish. Killed
between two of these it finds a head that was stored and not signed, at worst, and signs it then: never less.
"""

from __future__ import annotations

import psycopg
import structlog

from awe_incidents.audit import note
from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import Clock, split
from awe_incidents.audit.errors import (
    ClockBehind,
    HeadForks,
    HeadShrinks,
    KeysRotated,
    NoteRefused,
    TileMalformed,
    TileRefused,
)
from awe_incidents.audit.head import TreeHead
from awe_incidents.audit.key_history import KeyHistory, RotationWatch
from awe_incidents.audit.log_folder import LogFolder
from awe_incidents.audit.log_keys import LogKeys
from awe_incidents.audit.log_rows import LogHead, bodies, log_head, newest_note
from awe_incidents.audit.merkle import leaf_hash
from awe_incidents.audit.note import Ed25519Verifier, Note, PublicKey
from awe_incidents.audit.sequencer import entries_wait
from awe_incidents.audit.tile_files import TileReader
from awe_incidents.audit.tiles import WIDTH

HEARTBEAT_SECONDS = 600
_PUBLISH_KEY = "INSERT INTO audit_logkey (vkey, first) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_INSERT = "INSERT INTO audit_checkpoint (size, root, note, signed_at) VALUES (%s, %s, %s, to_timestamp(%s))"

log = structlog.get_logger(__name__)


class TrailSigner:
    """Signs one log, over one connection; make another one after any error."""

    def __init__(self, folder: LogFolder, keys: LogKeys, connection: psycopg.Connection, *, clock: Clock) -> None:
        """Take up what was signed before, as the folder and the database know it.

        Raises: FrontierBroken; NoteRefused, for a published checkpoint that the key of its time did not sign.
        """
        self._folder, self._keys, self._connection, self._clock = folder, keys, connection, clock
        self._origin = keys.plain.key.name
        self._head = folder.head(self._origin)
        self._tiles = folder.tiles()
        self._history = folder.keys(keys.vkeys)
        self._last: Checkpoint | None = None
        self._signed_at = 0
        self._checked = 0  # bundles, since this was made
        self._take_up()

    def sign(self) -> bytes | None:
        """Sign what is new, or after ten minutes that nothing is; give the note, None where there is nothing to sign.

        Raises: HeadShrinks, HeadForks, RotationRefused, KeysRotated, ClockBehind, SequenceMissing, OSError.
        """
        tree = log_head(self._connection)
        if not self._is_due(tree):
            return None
        if self._clock() < self._signed_at:
            raise ClockBehind(f"the clock is {self._signed_at - self._clock()} s behind the last signature")
        head, history = self._grown(tree)
        if history.in_force(head.size) != self._keys.vkeys:
            raise KeysRotated(history.lines())
        self._write_tiles(tree)
        self._folder.store_head(head)
        self._head = head
        return self._publish(head.checkpoint())

    def check_again(self) -> None:
        """Hold the next 256 of the entries that were signed against the tiles, round and round; fewer at the end.

        Raises: HeadForks, where one was changed since.
        """
        if self._last is None or not self._last.size:
            return
        bundles = -(-self._last.size // WIDTH)
        place, self._checked = self._checked % bundles, self._checked + 1
        start, end = place * WIDTH, min((place + 1) * WIDTH, self._last.size)
        found = [leaf_hash(body) for body in bodies(self._connection, start, end)]
        try:
            signed = TileReader(self._folder.public, self._last)
            changed = next((index for index, one in enumerate(found, start) if one != signed.hash(0, index)), None)
            if changed is not None:
                raise HeadForks(f"entry {changed} is not the one that was signed")
        except TileRefused as error:
            log.warning("the tiles are not those of the log, and are made anew", error=type(error).__name__)
            self._tiles = self._folder.tiles_anew()

    def _take_up(self) -> None:
        """Learn what was signed: by the published file, and by the database, where the folder is an old one."""
        for span in self._history.spans:
            for vkey in span.vkeys:
                self._connection.execute(_PUBLISH_KEY, [vkey, span.first])
        published, inserted = self._folder.checkpoint(), newest_note(self._connection)
        if published is not None:
            self._remember(published)
        if inserted is not None and inserted != published:
            try:
                is_newer = self._remember(inserted)
            except NoteRefused as error:
                log.warning("the newest checkpoint of the database is not ours", error=type(error).__name__)
                is_newer = False
            if published is not None and not is_newer:
                self._insert(published)  # killed in between

    def _remember(self, data: bytes) -> bool:
        """Take a note for the last one, where it is; raises NoteRefused."""
        one = Note.parse(data)
        signed = Checkpoint.parse(one.text)
        plain, timed = map(PublicKey.parse, self._history.in_force(signed.size))
        one.verified([Ed25519Verifier(plain)])
        signed_at = _time_of(one, timed)
        if (signed_at, signed.size) < (self._signed_at, self._last.size if self._last else 0):
            return False
        self._last, self._signed_at = signed, signed_at
        return True

    def _is_due(self, tree: LogHead) -> bool:
        signed = self._last.size if self._last else 0
        known = max(self._head.size, self._tiles.size, signed, self._history.known_size)
        if tree.size < known:
            raise HeadShrinks(f"the log had {known} entries and is said to have {tree.size}")
        if tree.size > min(self._head.size, self._tiles.size, signed):
            return tree.is_drained  # else older entries wait, and would seem to be dated back
        if self._last is None:
            return False
        self._head.check(size=tree.size, root=tree.root)
        is_old = self._clock() - self._signed_at >= HEARTBEAT_SECONDS
        return is_old and not entries_wait(self._connection)

    def _grown(self, tree: LogHead) -> tuple[TreeHead, KeyHistory]:
        """Grow the head by the bytes of what is new, past the checkpoint that was signed last where it is behind.

        Give with it the keys of the log, as far as the same bytes tell of them.
        """
        head, watch = self._head, RotationWatch(self._history)
        if self._last is not None and self._last.size > head.size:
            head = head.grown(watch.passing(head.size, bodies(self._connection, head.size, self._last.size)))
            head.check(size=self._last.size, root=self._last.root)
        head = head.grown(watch.passing(head.size, bodies(self._connection, head.size, tree.size)))
        head.check(size=tree.size, root=tree.root)
        return head, watch.history

    def _write_tiles(self, tree: LogHead) -> None:
        try:
            self._append_tiles(tree)
        except TileMalformed:
            log.warning("the tiles are not those of the log, and are made anew")
            self._tiles = self._folder.tiles_anew()
            self._append_tiles(tree)

    def _append_tiles(self, tree: LogHead) -> None:
        for body in bodies(self._connection, self._tiles.size, tree.size):
            self._tiles.append(body)
        if self._tiles.flush() != tree.root:
            raise TileMalformed("the tiles make another root")

    def _publish(self, checkpoint: Checkpoint) -> bytes:
        signed = note.sign(bytes(checkpoint), self._keys.plain, self._keys.timed)
        self._folder.publish(signed)
        self._last, self._signed_at = checkpoint, _time_of(Note.parse(signed), self._keys.timed.key)
        self._insert(signed)
        return signed

    def _insert(self, signed: bytes) -> None:
        one = Note.parse(signed)
        checkpoint = Checkpoint.parse(one.text)
        at = _time_of(one, PublicKey.parse(self._history.in_force(checkpoint.size)[1]))
        self._connection.execute(_INSERT, [checkpoint.size, checkpoint.root, signed, at])


def _time_of(one: Note, key: PublicKey) -> int:
    return max((split(key, mark.value)[0] for mark in one.signatures if mark.is_of(key)), default=0)
