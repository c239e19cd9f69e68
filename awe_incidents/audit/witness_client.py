"""Asks a witness to sign a checkpoint (C2SP tlog-witness), and believes what its pinned keys signed, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from awe_incidents.audit.anchors import Held
from awe_incidents.audit.checkpoint import decimal
from awe_incidents.audit.cosignature import Clock, CosignatureVerifier, split
from awe_incidents.audit.errors import (
    AnchorAway,
    AnchorContradicts,
    AnchorUnusable,
    CheckpointMalformed,
    NoteRefused,
    ProofRefused,
    TileRefused,
)
from awe_incidents.audit.note import Note, PublicKey, Signature, signature
from awe_incidents.audit.posting import Poster, Reply, poster
from awe_incidents.audit.published_log import Published

SIZE_TYPE = "text/x.tlog.size"
TOLERANCE_SECONDS = 300  # the verifier's: a clock that is further off would make a whole log look backdated
_SENT = "application/octet-stream"


class WitnessClient:
    """One witness, by its address and its keys."""

    kind = "witness"
    takes_time = True

    def __init__(self, url: str, keys: Sequence[PublicKey], *, clock: Clock) -> None:
        """Pin the keys; raises KeyTypeUnknown for one that is no cosigner's."""
        self._url, self._clock = f"{url.rstrip('/')}/add-checkpoint", clock
        self._verifiers = [CosignatureVerifier(key) for key in keys]
        self.name = keys[0].name

    def hold(self, published: Published, *, held: int) -> Held:
        """Get its cosignatures, from the size on that it says it signed last; raises AnchorRefused."""
        with poster() as sending:
            told = self._ask(sending, published, held)
            if not isinstance(told, int):
                return told
            self._check_told(told, published, held)
            again = self._ask(sending, published, told)
        if isinstance(again, int):
            raise AnchorAway(f"it signed size {told}, and a moment later {again}: somebody else sends it checkpoints")
        return again

    def _ask(self, sending: Poster, published: Published, old: int) -> Held | int:
        """Ask once; give what it signed, or the size that it says it signed last."""
        old = min(old, published.checkpoint.size)
        try:
            body = published.growth(old)
        except (TileRefused, ProofRefused) as error:
            raise AnchorAway(f"the tiles do not fit the checkpoint now: {error}") from None
        reply = sending.post(self._url, body, content_type=_SENT)
        if reply.status == 200:
            return self._held(published, reply)
        if reply.status == 409:
            return self._conflict(published, reply, old)
        raise self._refusal(published, reply)

    def _held(self, published: Published, reply: Reply) -> Held:
        """Take the lines that pinned keys signed over this very checkpoint, now."""
        try:
            lines = [signature(line) for line in reply.body.decode().removesuffix("\n").split("\n")]
            made = Note(published.note.text, tuple(lines)).verified(self._verifiers)
        except (NoteRefused, UnicodeDecodeError) as error:
            words = "it answers 200 without a signature by the pinned key; compare the key with that on its page"
            raise AnchorAway(f"{words} ({error})") from None
        apart = max((self._apart(one) for one in made), key=abs)
        if abs(apart) > TOLERANCE_SECONDS:
            raise AnchorUnusable(f"its clock and ours differ by {apart} s; one of them is wrong")
        return Held("it signed", signatures=made)

    def _apart(self, one: Signature) -> int:
        key = next(verifier.key for verifier in self._verifiers if one.is_of(verifier.key))
        return split(key, one.value)[0] - self._clock()

    def _conflict(self, published: Published, reply: Reply, old: int) -> int:
        """Give the size that it signed last; raises AnchorContradicts where it has another tree of the same size."""
        try:
            size = decimal(reply.body.decode("ascii").removesuffix("\n"))
        except (CheckpointMalformed, UnicodeDecodeError):
            if reply.content_type == SIZE_TYPE:
                raise AnchorAway("it answers 409 with a size that is none") from None
            size = old
        if size == old:
            words = f"it signed another tree of {published.checkpoint.size} entries: a split view"
            raise AnchorContradicts(words, evidence=reply.body)
        return size

    def _check_told(self, told: int, published: Published, held: int) -> None:
        if told <= published.checkpoint.size:
            return
        newest = Published.read(published.folder)
        if newest is not None and newest.checkpoint.size >= told:
            raise AnchorAway("somebody else sent it a newer checkpoint meanwhile")
        words = (
            f"it signed {told} entries, and the log has {published.checkpoint.size}: the log was set back, or two "
            "signers have its key"
        )
        raise AnchorContradicts(
            words, evidence=f"the witness signed size {told}; size {held} was known here\n".encode()
        )

    def _refusal(self, published: Published, reply: Reply) -> Exception:
        origin, vkey = published.checkpoint.origin, published.vkeys[0]
        if reply.status == 404:
            return AnchorUnusable(
                f"it does not know the log {origin} (or the address is wrong); give its operator the key {vkey}"
            )
        if reply.status == 403:
            return AnchorUnusable(f"it knows the log {origin} under another key; give its operator the key {vkey}")
        if reply.status == 422:
            words = f"it does not find what it signed in the tree of {published.checkpoint.size} entries: a fork"
            return AnchorContradicts(words, evidence=reply.body)
        if 400 <= reply.status < 500:
            return AnchorUnusable(f"it answers {reply.status}: {reply.said}")
        return AnchorAway(f"it answers {reply.status}: {reply.said}")
