"""A witness by C2SP tlog-witness: signs that a log only grew since it last looked, and never anything smaller.

It needs no database and knows nothing of entries: a log sends its new checkpoint with the proof that the one which
the witness signed last is its beginning. Looking at that one and storing the new one is one step for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.cosignature import verifier
from awe_incidents.audit.errors import CosignatureRefused, NoteRefused, ProofMalformed, ProofRefused
from awe_incidents.audit.note import Note, PublicKey, Signature, Verifier
from awe_incidents.audit.proof import Growth
from awe_incidents.audit.witness_folder import Cosigner, Record, WitnessFolder

MAX_BODY_BYTES = 131_072  # 63 hashes, and a checkpoint with some thirty signatures by ML-DSA-44
PLAIN_TEXT = "text/plain; charset=utf-8"
SIZE_TYPE = "text/x.tlog.size"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness says to a request."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN_TEXT


class Witness:
    """Signs checkpoints of the logs that it was told of."""

    def __init__(self, folder: WitnessFolder, cosigners: Sequence[Cosigner], logs: Iterable[PublicKey]) -> None:
        """Take the keys of logs; a log's name is that of its keys, of which it may have several.

        Raises: KeyTypeUnknown.
        """
        self._folder, self._cosigners = folder, cosigners
        self._logs: dict[str, list[Verifier]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(verifier(key))

    @property
    def vkeys(self) -> list[str]:
        """Give the public keys, as a log and its auditors pin them."""
        return [str(one.key) for one in self._cosigners]

    @property
    def origins(self) -> list[str]:
        """Name the logs that are known."""
        return list(self._logs)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a request: with signatures, or with why there are none.

        Raises: WitnessRefused, OSError, where its own folder cannot be read or written; nothing is signed then.
        """
        if len(body) > MAX_BODY_BYTES:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MAX_BODY_BYTES:,} bytes are read")
        try:
            growth = Growth.parse(body)
            note = Note.parse(growth.checkpoint)
            new = Checkpoint.parse(note.text)
        except (ProofMalformed, NoteRefused) as error:
            return _refusal(HTTPStatus.BAD_REQUEST, str(error))
        if new.origin not in self._logs:
            return _refusal(HTTPStatus.NOT_FOUND, f"this witness was not told of a log {new.origin}")
        try:
            note = Note(note.text, note.verified(self._logs[new.origin]))  # without what strangers signed
        except NoteRefused as error:
            return _refusal(HTTPStatus.FORBIDDEN, str(error))
        if growth.old_size > new.size:
            return _refusal(HTTPStatus.BAD_REQUEST, f"the old size {growth.old_size} is beyond the size {new.size}")
        with self._folder.record(new.origin) as record:
            return self._decide(growth, note, new, record)

    def _decide(self, growth: Growth, note: Note, new: Checkpoint, record: Record) -> Answer:
        latest, latest_note = record.latest
        if growth.old_size != latest.size:
            return Answer(HTTPStatus.CONFLICT, f"{latest.size}\n".encode(), SIZE_TYPE)
        if new.size == latest.size and new.root != latest.root:
            self._keep(latest_note, note, because="another tree of the same size was signed")
            return _refusal(HTTPStatus.CONFLICT, f"another tree of {new.size} leaves was signed here before")
        try:
            growth.verify(latest)
        except ProofRefused as error:
            self._keep(latest_note, note, because=str(error))
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        made = self._sign(note.text)
        record.store(bytes(Note(note.text, (*note.signatures, *made))))
        return Answer(HTTPStatus.OK, "".join(f"{one}\n" for one in made).encode())

    def _sign(self, text: bytes) -> list[Signature]:
        """Sign by every key that can: ML-DSA-44 covers no extension lines."""
        made = []
        for cosigner in self._cosigners:
            try:
                made.append(Signature(cosigner.key.name, cosigner.key.id, cosigner.sign(text)))
            except CosignatureRefused as error:
                log.info("one of the keys does not sign this", error=str(error))
        return made

    def _keep(self, latest: bytes, note: Note, *, because: str) -> None:
        """Keep what may show that the log misbehaves; a full disk is no reason not to refuse it."""
        origin = note.text.partition(b"\n")[0].decode()
        log.critical("a checkpoint contradicts the one that was signed", origin=origin, because=because)
        try:
            self._folder.keep_evidence(latest, bytes(note))
        except OSError as error:
            log.critical("the evidence could not be kept", error=str(error))


def _refusal(status: HTTPStatus, words: str) -> Answer:
    return Answer(status, f"{words}\n".encode())
