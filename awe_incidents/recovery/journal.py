"""A signed journal on this machine, for what people do by hand while our own database is away; no Django.

One JSON object a line, canonical (RFC 8785), signed with Ed25519; each holds the SHA-256 of the line before it. A line
is stored (fsync) before whoever wrote it is told so, and one program writes at a time. The public key of each private
one that ever signed lies beside as `KEY.pub`: with it alone the journal can be verified elsewhere.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from awe_incidents.audit.durable import write_durably
from awe_incidents.audit.errors import LogKeyUnusable
from awe_incidents.audit.key_files import open_ed25519
from awe_incidents.recovery.errors import JournalUnusable

VERSION = 1
NO_LINE = "0" * 64  # what the first line stands behind
LINES, KEY = "journal.jsonl", "key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line whose signature is right; `follows` says whether the line before it is the one it was written behind."""

    place: int  # in the file, from 1
    number: int  # as it says
    key: str
    digest: str
    follows: bool
    written_at: datetime
    entry: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampered:
    """A line that is refused, and why."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal in a folder."""

    folder: Path

    def write(self, entry: Mapping[str, Any], *, at: datetime) -> Line:
        """Add a line; the entry is redacted before it comes here.

        Raises: JournalUnusable.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked() as descriptor:
                # A lost key is no reason not to write: another one is made, and lines name theirs.
                private = open_ed25519(self.folder / KEY, passphrase="", may_make=True)
                return self._add(descriptor, private, entry, at=at)
        except (OSError, LogKeyUnusable, rfc8785.CanonicalizationError) as error:
            raise JournalUnusable(f"the journal in {self.folder} cannot be written: {error}") from None

    def read(self) -> Iterator[Line | Tampered]:
        """Give every line in its order, verified.

        Raises: JournalUnusable.
        """
        try:
            content = (self.folder / LINES).read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise JournalUnusable(f"the journal in {self.folder} cannot be read: {error.strerror}") from None
        before = NO_LINE
        for place, raw in enumerate(content.splitlines(), 1):
            yield self._checked(raw, place=place, before=before)
            before = hashlib.sha256(raw).hexdigest()

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self.folder / LINES, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _add(self, descriptor: int, private: Ed25519PrivateKey, entry: Mapping[str, Any], *, at: datetime) -> Line:
        content = _whole(descriptor)
        lines = content.splitlines()
        key = self._publish(private)
        document: dict[str, Any] = {
            "v": VERSION,
            "number": len(lines) + 1,
            "previous": hashlib.sha256(lines[-1]).hexdigest() if lines else NO_LINE,
            "written_at": at.isoformat(),
            "key": key,
            "entry": dict(entry),
        }
        signature = base64.b64encode(private.sign(rfc8785.dumps(document))).decode()
        raw = rfc8785.dumps({**document, "signature": signature})
        torn = (
            b"" if not content or content.endswith(b"\n") else b"\n"
        )  # a crash cut the line before: it stays, refused
        _write_whole(descriptor, torn + raw + b"\n")
        _store(descriptor, self.folder)
        return Line(
            place=len(lines) + 1,
            number=len(lines) + 1,
            key=key,
            digest=hashlib.sha256(raw).hexdigest(),
            follows=True,
            written_at=at,
            entry=entry,
        )

    def _publish(self, private: Ed25519PrivateKey) -> str:
        public = private.public_key().public_bytes_raw()
        key = hashlib.sha256(public).hexdigest()[:16]
        path = self.folder / f"{key}.pub"
        if not path.exists():
            write_durably(path, base64.b64encode(public) + b"\n")
        return key

    def _checked(self, raw: bytes, *, place: int, before: str) -> Line | Tampered:
        try:
            document = json.loads(raw)
            signature = base64.b64decode(document.pop("signature"), validate=True)
            self._public(str(document["key"])).verify(signature, rfc8785.dumps(document))
            if document["v"] != VERSION:
                return Tampered(place=place, reason=f"its form is {document['v']}, which is not known here")
            return Line(
                place=place,
                number=document["number"],
                key=document["key"],
                digest=hashlib.sha256(raw).hexdigest(),
                follows=document["previous"] == before and document["number"] == place,
                written_at=datetime.fromisoformat(document["written_at"]),
                entry=dict(document["entry"]),
            )
        except FileNotFoundError:
            return Tampered(place=place, reason="the public key that it names is not in the folder")
        except InvalidSignature:
            return Tampered(place=place, reason="its signature is wrong: it was changed after it was written")
        except (ValueError, KeyError, TypeError, AttributeError, rfc8785.CanonicalizationError):
            return Tampered(place=place, reason="it is no whole line of a journal")

    def _public(self, key: str) -> Ed25519PublicKey:
        if not (len(key) == 16 and set(key) <= set("0123456789abcdef")):
            raise ValueError("no name of a key")
        raw = base64.b64decode((self.folder / f"{key}.pub").read_bytes(), validate=False)
        if hashlib.sha256(raw).hexdigest()[:16] != key:
            raise ValueError("another key than its name says")
        return Ed25519PublicKey.from_public_bytes(raw)


def _whole(descriptor: int) -> bytes:
    size, content = os.fstat(descriptor).st_size, b""
    while len(content) < size and (piece := os.pread(descriptor, size - len(content), len(content))):
        content += piece
    return content


def _write_whole(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _store(descriptor: int, folder: Path) -> None:
    os.fsync(descriptor)
    names = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(names)
    finally:
        os.close(names)
