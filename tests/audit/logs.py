"""A log as the service will make one, with fixed keys and times: entries, signed checkpoints, witnesses, bundles."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from awe_incidents.audit import canonical, note, verify_trail
from awe_incidents.audit.bundle import BundleWriter, Record
from awe_incidents.audit.cosignature import Ed25519Cosigner
from awe_incidents.audit.erasure import VERB, Disclosure, erasure_data
from awe_incidents.audit.head import TreeHead
from awe_incidents.audit.note import Note, Signature, Signer
from awe_incidents.audit.rotation import VERB as ROTATED
from awe_incidents.audit.rotation import Rotation
from awe_incidents.audit.tile_files import TileWriter
from awe_incidents.audit.tiles import WIDTH, TileName, encode_bundle
from awe_incidents.audit.verify_trail import Pins, Report, Verification

ORIGIN = "trail.example/awe"
BEGAN = 1_795_000_000  # seconds since the epoch
PROJECTED = ("event_id", "verb", "subject_type", "subject_id", "actor", "incident_id", "occurred_at")


def key(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


@dataclass
class Log:
    """One log; time only passes when somebody says so."""

    origin: str = ORIGIN
    seed: int = 1
    now: int = BEGAN
    records: list[Record] = field(default_factory=list)
    notes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.signer = note.Ed25519Signer(self.origin, key(self.seed))
        self.timed = Ed25519Cosigner(self.origin, key(self.seed + 1), clock=lambda: self.now)
        self.witness = Ed25519Cosigner("witness.example/w1", key(201), clock=lambda: self.now)

    def record(self, number: int = 1, **members: Any) -> None:
        """Add entries, one a second."""
        for _ in range(number):
            self.now += 1
            self.records.append(entry(len(self.records), at=self.now, **members))

    def rotate(self, seed: int, *signers: Signer, old: tuple[str, str] | None = None, then: bool = True) -> None:
        """Record that the keys of a seed follow, and sign with them from there on; by others, as attackers do."""
        plain = note.Ed25519Signer(self.origin, key(seed))
        timed = Ed25519Cosigner(self.origin, key(seed + 1), clock=lambda: self.now)
        text = bytes(Rotation(self.origin, old or (self.vkeys()[0], self.vkeys()[1]), (str(plain.key), str(timed.key))))
        signed = note.sign(text, *(signers or (self.signer, plain)))
        self.record(verb=ROTATED, subject={"type": "logkey", "id": "1"}, data={"note": signed.decode()})
        if then:
            self.signer, self.timed = plain, timed

    def erase(self, index: int, *fields: str) -> None:
        """Erase texts of an entry, and say so in one of its own."""
        event = str(self.records[index].projection["event_id"])
        self.lose(index, *fields)
        data = erasure_data(event_id=event, fields=fields)
        self.record(verb=VERB, subject={"type": "entry", "id": str(index + 1)}, data=data)

    def lose(self, index: int, *fields: str) -> None:
        """Make texts of an entry disappear."""
        one = self.records[index]
        texts = {name: text for name, text in one.texts.items() if name not in fields}
        self.records[index] = Record(body=one.body, projection=one.projection, texts=texts)

    def sign(self, *, witnessed: bool = False, timed: bool = True) -> bytes:
        """Sign a checkpoint of everything so far."""
        signers: list[Signer] = [self.signer]
        signers += [self.timed] * timed + [self.witness] * witnessed
        text = bytes(self.head().checkpoint())
        self.notes.append(note.sign(text, *signers))
        return self.notes[-1]

    def head(self) -> TreeHead:
        return TreeHead(self.origin).grown(one.body for one in self.records)

    def export(self, folder: Path, **options: Any) -> Path:
        """Write a bundle."""
        writer = BundleWriter(folder, **options)
        for one in self.records[writer.size :]:
            writer.add(one)
        writer.finish(self.notes[-1], checkpoints=self.notes)
        return folder

    def vkeys(self) -> list[str]:
        return [str(self.signer.key), str(self.timed.key)]

    def arguments(self) -> list[str]:
        """Give what an auditor pins, on a command line."""
        pinned = ["--origin", self.origin, "--witness", str(self.witness.key)]
        return [*pinned, *(word for vkey in self.vkeys() for word in ("--vkey", vkey))]

    def verify(self, folder: Path, *, known: Sequence[bytes] = (), **pins: Any) -> Report:
        """Verify a bundle as somebody who pinned this log's keys and its witness."""
        keys = [verify_trail.parse_key(vkey) for vkey in self.vkeys()]
        witnesses = [verify_trail.parse_key(str(self.witness.key))]
        return Verification(folder, Pins(self.origin, keys, witnesses, **pins), known).run()


def entry(
    index: int,
    *,
    at: float,
    verb: str = "stack:tried",
    because: str | None = None,
    event: str | None = None,
    subject: Mapping[str, str] | None = None,
    data: Mapping[str, Any] | None = None,
    actor: Mapping[str, Any] | None = None,
) -> Record:
    """Give an entry as `trail.record` writes them, with its search columns and the texts behind its commitments."""
    event = event or str(uuid.UUID(int=uuid.uuid5(uuid.NAMESPACE_URL, str(index)).int))
    because = f"reason {index}" if because is None else because
    texts = {"because": Disclosure(index.to_bytes(16), because)}
    content = {
        "v": 1,
        "id": event,
        "at": canonical.timestamp(datetime.fromtimestamp(at, UTC)),
        "verb": verb,
        "subject": dict(subject or {"type": "stack", "id": str(index % 7)}),
        "actor": dict(actor or {"kind": "user", "id": 3, "token": "", "on_behalf_of": ""}),
        "incident": index % 5 or None,
        "data": dict(data or {"number": index}),
        "commitments": {name: one.commitment for name, one in texts.items()},
    }
    return Record(body=canonical.encode(content), projection=columns(content), texts=texts)


def columns(content: Mapping[str, Any]) -> dict[str, Any]:
    actor, subject = content["actor"], content["subject"]
    name = f"{actor['kind']}:{actor['id']}" if actor["id"] is not None else actor["kind"]
    values = (
        content["id"],
        content["verb"],
        subject["type"],
        subject["id"],
        name,
        content["incident"],
        content["at"],
    )
    return dict(zip(PROJECTED, values, strict=True))


def usual(entries: int = 700, *, every: int = 100) -> Log:
    """Give a log of three bundles with a checkpoint now and then, of which the last was witnessed."""
    log = Log()
    for place in range(0, entries, every):
        log.record(min(every, entries - place))
        log.sign(witnessed=place + every >= entries)
    return log


def rewrite(folder: Path, bodies: Sequence[bytes], *, hashes: bool) -> None:
    """Put other entries into a bundle, as whoever has its files can; with the stored hashes made anew, or not."""
    for path in sorted((folder / "tile" / "entries").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    if hashes:
        for path in sorted((folder / "tile").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        writer = TileWriter(folder)
        for body in bodies:
            writer.append(body)
        writer.flush()
        return
    for start in range(0, len(bodies), WIDTH):
        some = bodies[start : start + WIDTH]
        path = folder / str(TileName(-1, start // WIDTH, len(some)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_bundle(some))


def bodies(log: Log) -> list[bytes]:
    return [one.body for one in log.records]


def cosigned(data: bytes, cosigner: Ed25519Cosigner) -> bytes:
    """Add a cosignature to a note, as a witness that is asked later."""
    one = Note.parse(data)
    mark = Signature(cosigner.key.name, cosigner.key.id, cosigner.sign(one.text))
    return bytes(Note(one.text, (*one.signatures, mark)))
