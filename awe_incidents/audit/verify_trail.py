#!/usr/bin/env python3
"""Verify an exported audit trail on a machine of your own; needs Python 3.11 and `cryptography`, nothing else of ours.

    python3 verify_trail.py BUNDLE --origin example.com/trail --vkey 'example.com/trail+<id>+<key>'

You say which log it has to be (--origin) and by which keys it speaks (--vkey); the bundle is asked for neither. All
hashes are computed from the bytes of the entries, and every entry is read. See docs/audit-bundle.md for the bundle.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import io
import json
import os
import re
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# By weight: the first one that was found is the verdict.
VERDICTS = {
    "UNTRUSTED": (10, "a checkpoint or a new key of the log is not signed by the key that it should be, or wrongly"),
    "SPLIT_VIEW": (11, "the log signed two different trees of one size; keep both notes"),
    "ROLLBACK": (12, "the log went back to a smaller tree than it had signed before"),
    "INCONSISTENT": (13, "the log signed two trees of which the smaller is not the beginning of the larger; keep both"),
    "TRUNCATED": (14, "entries at the end are missing that a signed checkpoint covers"),
    "DELETED": (15, "entries in the middle are missing"),
    "REORDERED": (16, "the entries are the signed ones, in another order"),
    "TAMPERED": (17, "something is not what was signed: changed, inserted or exchanged"),
    "UNREADABLE": (18, "files of the bundle are missing, of another form, or lead out of it"),
    "NON_CANONICAL": (19, "an entry was signed that two readers could read differently"),
    "DUPLICATED": (20, "one event stands in the log twice"),
    "BACKDATED": (21, "a time is outside of what the checkpoints around it allow"),
    "UNAUTHORISED_ERASURE": (22, "a text is gone, and no entry says that it was erased"),
    "PROJECTION_MISMATCH": (23, "the search columns say something else than the entry"),
    "UNANCHORED": (3, "whole, but entries at the end are vouched for by the log's own key only"),
    "OK": (0, "everything is what was signed, and somebody outside holds the checkpoint"),
}
WIDTH, HEIGHT, HASH_BYTES = 256, 8, 32
MAX_BYTES, MAX_DEPTH, MAX_INTEGER = 65_535, 32, 2**53 - 1
MAX_SIZE = MAX_TIME = 2**63 - 1
MAX_NOTE_BYTES, MAX_SIGNATURES, MAX_PROOF_HASHES = 1_000_000, 100, 63
ED25519, COSIGNATURE_ED25519, COSIGNATURE_MLDSA44 = 0x01, 0x04, 0x06
KEY_BYTES = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_MLDSA44: 1312}
VALUE_BYTES = {ED25519: 64, COSIGNATURE_ED25519: 8 + 64, COSIGNATURE_MLDSA44: 8 + 2420}
EMPTY_ROOT = sha256().digest()
ERASED, ROTATED = "entry:erased", "log_key:rotated"
ROTATION = "awe-incidents/log-key-rotation/v1"  # the first line of what the old key and the new one sign
_ROTATES = f'"verb":"{ROTATED}"'.encode()  # so it stands in canonical bytes, and in no text
MAX_ROTATIONS = 1_000
PROJECTED = ("event_id", "verb", "subject_type", "subject_id", "actor", "incident_id", "occurred_at")
MEMBERS = {"v", "id", "at", "verb", "subject", "actor", "incident", "data", "commitments"}
TOLERANCE_SECONDS = 300
MAX_FILE_BYTES = WIDTH * (2 + MAX_BYTES)
MAX_LINE_BYTES = 4_000_000  # of texts behind one entry's commitments
MAX_CHECKPOINTS, MAX_CHECKPOINTS_BYTES = 200_000, 256_000_000  # which are held in memory
HEAPS = 64  # files, where there are many entries
WINDOW = 512  # entries that are looked at around a change, to say what it was
MAX_TOLD = 10  # findings of one verdict about checkpoints
MAX_GAP = 1_024  # bundles that are missing one after the other, before the rest is not looked for
MAX_CHANGES = 65_536  # changed entries that are remembered, to tell an exchange from a change


class Refused(Exception):
    """What was read is not of the form that it has to be."""


class WrongSignature(Refused):
    """A signature names a pinned key, and that key did not make it."""


@dataclass(slots=True)
class Finding:
    """Something that is wrong: `entry` is the first bad one, up to `through` where it cannot be said more exactly."""

    verdict: str
    words: str
    entry: int | None = None
    through: int | None = None
    evidence: list[str] = field(default_factory=list)  # signed notes


# Notes, keys and signatures (C2SP signed-note, tlog-cosignature)


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that you pinned."""

    name: str
    kind: int
    material: bytes

    @property
    def id(self) -> bytes:
        """Give the four bytes that stand in front of its signatures."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.material).digest()[:4]

    def __str__(self) -> str:
        """Give its text form, to pin it."""
        encoded = base64.b64encode(bytes([self.kind]) + self.material).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


def parse_key(vkey: str) -> Key:
    """Read a verifier key; raises Refused."""
    name, _, rest = vkey.strip().partition("+")
    digits, _, encoded = rest.partition("+")
    data = unbase64(encoded)
    if not name or any(one.isspace() for one in name) or not re.fullmatch("[0-9a-f]{8}", digits) or not data:
        raise Refused(f"{vkey[:60]!r} is no verifier key: <name>+<8 hex digits>+<base64>")
    key = Key(name, data[0], data[1:])
    if KEY_BYTES.get(key.kind) != len(key.material):
        raise Refused(f"the key of {name} is of an unknown type or length")
    if key.id.hex() != digits:
        raise Refused(f"the key of {name} has the id {key.id.hex()}, not {digits}: it was changed or mistyped")
    return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a note, nobody has checked it yet."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it was read: what it says, and who signed it."""

    data: bytes
    text: bytes
    signatures: tuple[Signature, ...]
    origin: str
    size: int
    root: bytes
    extensions: int


def parse_note(data: bytes) -> tuple[str, tuple[Signature, ...]]:
    """Read a signed note, without a judgment of its signatures; raises Refused."""
    content = _text(data)
    place = content.rfind("\n\n")
    lines = content[place + 2 :].split("\n")
    if place < 0 or lines.pop() != "" or not 1 <= len(lines) <= MAX_SIGNATURES:
        raise Refused("it is no signed note: a text, an empty line, and lines of signatures")
    return content[: place + 1], tuple(_signature(line) for line in lines)


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Read a signed checkpoint, without a judgment of its signatures; raises Refused."""
    text, signatures = parse_note(data)
    said = text.split("\n")[:-1]
    root = unbase64(said[2]) if len(said) >= 3 and all(said) else None
    if root is None or len(root) != HASH_BYTES:
        raise Refused("it is no checkpoint: a line each for origin, size and root")
    return Checkpoint(data, text.encode(), signatures, said[0], decimal(said[1]), root, len(said) - 3)


_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]").search


def _text(data: bytes) -> str:
    try:
        content = data.decode()
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8") from None
    if len(data) > MAX_NOTE_BYTES or _CONTROL(content):
        raise Refused("it is too large for a note, or holds control characters")
    return content


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix("\u2014 ").partition(" ")
    data = unbase64(encoded)
    if not line.startswith("\u2014 ") or not name or data is None or len(data) < 5:
        raise Refused("a line of a signature is an em dash, a name and base64")
    return Signature(name, data[:4], data[4:])


def unbase64(text: str) -> bytes | None:
    """Decode base64 that has one form only; None where it is not that."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def decimal(digits: str) -> int:
    """Read a number in ASCII digits without leading zeros; raises Refused."""
    if not re.fullmatch("0|[1-9][0-9]{0,18}", digits) or int(digits) > MAX_SIZE:
        raise Refused(f"{digits[:30]!r} is no number")
    return int(digits)


Marks = Mapping[tuple[str, bytes], Key]


def marks_of(keys: Iterable[Key]) -> Marks:
    """Give keys by what stands in front of their signatures."""
    return {(key.name, key.id): key for key in keys}


def signed_by(checkpoint: Checkpoint, keys: Marks) -> dict[Key, int | None]:
    """Give which of these keys signed, and at what time where their signatures say one; raises WrongSignature."""
    found: dict[Key, int | None] = {}
    for signature in checkpoint.signatures:
        if key := keys.get((signature.name, signature.key_id)):
            at = check_signature(checkpoint, key, signature.value)
            found[key] = max(at, found.get(key) or 0) if at is not None else None
    return found


def check_signature(checkpoint: Checkpoint, key: Key, value: bytes) -> int | None:
    """Check one signature of a checkpoint; give its time where it has one; raises WrongSignature."""
    wrong = f"{key.name} did not make the signature of the checkpoint of size {checkpoint.size} that names it"
    if len(value) != VALUE_BYTES[key.kind]:
        raise WrongSignature(wrong)
    at = None if key.kind == ED25519 else int.from_bytes(value[:8])
    if at is not None and at > MAX_TIME:
        raise WrongSignature(f"{wrong}: its time is beyond 2^63")
    try:
        if key.kind == COSIGNATURE_MLDSA44:
            _check_mldsa44(checkpoint, key, value[8:], at or 0)
        elif key.kind == COSIGNATURE_ED25519:
            message = f"cosignature/v1\ntime {at}\n".encode() + checkpoint.text
            _ed25519(key.material).verify(value[8:], message)
        else:
            _ed25519(key.material).verify(value, checkpoint.text)
    except (InvalidSignature, ValueError):
        raise WrongSignature(wrong) from None
    return at or None  # ML-DSA-44 may say no time, which is 0


_ed25519 = lru_cache(maxsize=64)(Ed25519PublicKey.from_public_bytes)


def _check_mldsa44(checkpoint: Checkpoint, key: Key, value: bytes, at: int) -> None:
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

        public = MLDSA44PublicKey.from_public_bytes(key.material)
    except (ImportError, UnsupportedAlgorithm):
        raise Refused("this `cryptography` cannot check ML-DSA-44: take a newer one, or do not pin that key") from None
    name, origin = key.name.encode(), checkpoint.origin.encode()
    if checkpoint.extensions or not 0 < len(name) < 256 or not 0 < len(origin) < 256:
        raise InvalidSignature
    names = bytes([len(name)]) + name + at.to_bytes(8) + bytes([len(origin)]) + origin
    public.verify(value, b"subtree/v1\n\0" + names + bytes(8) + checkpoint.size.to_bytes(8) + checkpoint.root)


# Which keys the log speaks by: those that you pinned, and those that took their place by an entry of the log


@dataclass(frozen=True, slots=True)
class Rotation:
    """An entry that says that new keys took the place of old ones: of signatures, and of timed signatures."""

    index: int
    old: tuple[Key, Key]
    new: tuple[Key, Key]


def parse_rotation(index: int, content: dict[str, Any], origin: str) -> Rotation:
    """Read an entry of new keys, and check that the old one and the new one signed it; raises Refused."""
    signed = content["data"].get("note")
    if type(signed) is not str:
        raise Refused("it has no signed statement")
    text, signatures = parse_note(signed.encode(errors="replace"))
    form, *lines = text.split("\n")[:-1]
    if form != ROTATION or len(lines) != 5 or lines[0] != origin:
        raise Refused("its statement is of another form, or of another log")
    keys = [parse_key(vkey) for vkey in lines[1:]]
    if [key.kind for key in keys] != [ED25519, COSIGNATURE_ED25519] * 2 or len({key.material for key in keys}) < 4:
        raise Refused("its statement names keys of another type, or one twice")
    if any(key.name != origin for key in keys):
        raise Refused("its statement names keys of another log")
    for key, name in ((keys[0], "old"), (keys[2], "new")):
        made = [one.value for one in signatures if (one.name, one.key_id) == (key.name, key.id)]
        if not made:
            raise Refused(f"the {name} key did not sign it")
        try:
            for value in made:
                _ed25519(key.material).verify(value, text.encode())
        except (InvalidSignature, ValueError):
            raise Refused(f"the signature of the {name} key is wrong") from None
    return Rotation(index, (keys[0], keys[1]), (keys[2], keys[3]))


class KeyChain:
    """The keys of the log, and the sizes of the checkpoints that each may sign.

    From a pinned key it goes on by the entries that tell of new keys, which the old and the new key signed. Such an
    entry is only looked for here; that it stands in the signed tree is checked with all others.
    """

    def __init__(self, pins: Pins, found: Iterable[tuple[int, bytes]] = ()) -> None:
        """Take what you pinned, and the entries that may tell of new keys."""
        self.findings: list[Finding] = []
        self.entries: dict[int, bytes] = {}  # their hashes
        rotations = self._read(pins.origin, found)
        chain = self._linked(self._known(pins.keys, rotations))
        self.rotations = chain
        self._spans = dict.fromkeys(pins.keys, (0, MAX_SIZE))
        for place, one in enumerate(chain):
            end = chain[place + 1].index if place + 1 < len(chain) else MAX_SIZE
            begin = chain[place - 1].index if place else 0
            self._spans.update(dict.fromkeys(one.old, (begin, one.index)) | dict.fromkeys(one.new, (one.index, end)))
        self.marks = marks_of(self._spans)

    def is_in_force(self, key: Key, size: int) -> bool:
        """Tell whether a key may sign a checkpoint of a size."""
        after, up_to = self._spans[key]
        return after < max(size, 1) <= up_to

    def span(self, key: Key) -> str:
        """Say which checkpoints a key may sign."""
        after, up_to = self._spans[key]
        return f"those of sizes {after + 1} to {up_to}" if up_to < MAX_SIZE else f"those of sizes {after + 1} and more"

    def _read(self, origin: str, found: Iterable[tuple[int, bytes]]) -> list[Rotation]:
        """Read entries that tell of new keys; what is signed wrongly is a finding."""
        rotations: list[Rotation] = []
        for index, data in found:
            try:
                content = parse_entry(data)
                if version_of(content) != 1 or content.get("verb") != ROTATED:
                    continue
                check_members(content)
            except Refused:
                continue  # which is found where all entries are read
            self.entries[index] = sha256(data).digest()
            try:
                rotations.append(parse_rotation(index, content, origin))
            except Refused as error:
                self._found(index, f"it tells of a new key of the log, and {error}")
        return rotations

    def _known(self, pinned: Iterable[Key], rotations: list[Rotation]) -> list[Rotation]:
        """Keep those that a pinned key leads to, from its own signature to the next; another one is a finding."""
        known, more = set(pinned), True
        while more:
            before = len(known)
            for one in rotations:
                if known & {one.old[0], one.new[0]}:  # which both signed it
                    known |= {*one.old, *one.new}
            more = len(known) > before
        for one in rotations:
            if one.old[0] not in known:
                words = (
                    "it tells of a new key, and no pinned key leads to the one that signed it (pin those of type 0x01)"
                )
                self._found(one.index, words)
        return [one for one in rotations if one.old[0] in known]

    def _linked(self, rotations: list[Rotation]) -> list[Rotation]:
        """Keep those of which each goes on where the one before ended; another one is a finding."""
        chain: list[Rotation] = []
        used: set[Key] = set()
        for one in rotations:
            if (chain and chain[-1].new != one.old) or used & {*one.new}:
                self._found(one.index, "it tells of a new key in the place of one that was not in force")
                continue
            chain.append(one)
            used |= {*one.old, *one.new}
        return chain

    def _found(self, index: int, words: str) -> None:
        if len(self.findings) < MAX_TOLD:
            self.findings.append(Finding("UNTRUSTED", f"entry {index}: {words}", entry=index))


# What the log said: checkpoints of the bundle and your own


@dataclass(slots=True, eq=False)
class Statement:
    """All that was signed of the tree of one size: its root, when (seconds since the epoch), and by which witnesses."""

    size: int
    root: bytes
    note: bytes
    is_yours: bool = False
    is_theirs: bool = False  # it stands in the bundle
    first_at: int | None = None
    last_at: int | None = None
    witnesses: set[Key] = field(default_factory=set)

    def add_time(self, at: int | None) -> None:
        """Widen the span of times."""
        if at is not None:
            self.first_at = at if self.first_at is None else min(self.first_at, at)
            self.last_at = at if self.last_at is None else max(self.last_at, at)


@dataclass(slots=True)
class Pins:
    """What you decided beforehand."""

    origin: str
    keys: Sequence[Key]
    witnesses: Sequence[Key] = ()
    quorum: int = 1
    tolerance_seconds: int = TOLERANCE_SECONDS


def is_held_outside(statement: Statement, pins: Pins) -> bool:
    """Tell whether you hold it yourself, or enough witnesses signed it."""
    return statement.is_yours or len({key.name for key in statement.witnesses}) >= pins.quorum


class Statements:
    """Collects what the log said, and finds where it contradicts itself without a look at any entry."""

    def __init__(self, pins: Pins, chain: KeyChain) -> None:
        self.pins, self.chain = pins, chain
        self._witnesses = marks_of(pins.witnesses)
        self.findings: list[Finding] = []
        self.read = 0
        self._told = Counter[str]()
        self._by_size: dict[int, list[Statement]] = {}
        self.is_ordered = False
        self._before: tuple[int, int | None, bytes] = (0, None, b"")  # size, time and bytes of the note before

    def add(self, data: bytes, *, what: str, is_yours: bool = False, is_ordered: bool = False) -> Statement | None:
        """Take up a checkpoint; None where it is none of this log's."""
        try:
            checkpoint = parse_checkpoint(data)
            times = signed_by(checkpoint, self.chain.marks)
            seen = signed_by(checkpoint, self._witnesses)
        except Refused as error:
            self._untrusted(f"{what}: {error}", data)
            return None
        if checkpoint.origin != self.pins.origin:
            self._untrusted(f"{what} is of the log {checkpoint.origin!r}, not of {self.pins.origin!r}", data)
            return None
        if not self._check_keys(checkpoint, times, what):
            return None
        self.read += 1
        own = max((at for at in times.values() if at), default=None)
        outside = [at for at in seen.values() if at]
        self._check_clock(checkpoint, own, outside)
        if is_ordered:
            self.is_ordered = True
            self._check_order(checkpoint, own)
        return self._remember(checkpoint, times=outside or [own], witnesses=seen, is_yours=is_yours)

    def _check_keys(self, checkpoint: Checkpoint, signers: Collection[Key], what: str) -> bool:
        """Tell whether keys of the log signed that were in force, and no others of its keys."""
        outside = [key for key in signers if not self.chain.is_in_force(key, checkpoint.size)]
        if outside:
            key = outside[0]
            may = self.chain.span(key)
            words = f"{what}, of size {checkpoint.size}, is signed by {key.name}+{key.id.hex()}, which may sign {may}"
            self._untrusted(words, checkpoint.data)
            return False
        if not signers:
            names = ", ".join(sorted({f"{one.name}+{one.key_id.hex()}" for one in checkpoint.signatures})[:MAX_TOLD])
            words = "that you did not pin, and that no entry brought in the place of a pinned one"
            self._untrusted(f"{what}, of size {checkpoint.size}, is signed by keys {words}: {names}", checkpoint.data)
            return False
        return True

    def sorted(self) -> list[Statement]:
        """Give one statement a tree, by size; of a split view the bundle's first."""
        found = [one for same in self._by_size.values() for one in same]
        return sorted(found, key=lambda one: (one.size, not one.is_theirs))

    def _remember(
        self, checkpoint: Checkpoint, *, times: Iterable[int | None], witnesses: Iterable[Key], is_yours: bool
    ) -> Statement:
        same = self._by_size.setdefault(checkpoint.size, [])
        known = next((one for one in same if one.root == checkpoint.root), None)
        if known is None:
            known = Statement(checkpoint.size, checkpoint.root, checkpoint.data)
            if same:
                words = f"two trees of {known.size} entries were signed"
                self._tell(Finding("SPLIT_VIEW", words, evidence=[same[0].note.decode(), known.note.decode()]))
            same.append(known)
        known.is_yours |= is_yours
        known.is_theirs |= not is_yours
        known.witnesses.update(witnesses)
        for at in times:
            known.add_time(at)
        return known

    def _untrusted(self, words: str, data: bytes) -> None:
        self._tell(Finding("UNTRUSTED", words, evidence=[data[:MAX_NOTE_BYTES].decode(errors="replace")]))

    def _tell(self, finding: Finding) -> None:
        """Take up a finding, up to a number of each verdict: a bundle must not fill the memory with them."""
        self._told[finding.verdict] += 1
        if self._told[finding.verdict] <= MAX_TOLD:
            self.findings.append(finding)

    def _check_clock(self, checkpoint: Checkpoint, own: int | None, outside: Sequence[int]) -> None:
        """Hold the log's clock against the clocks of the witnesses."""
        if own is None or not outside:
            return
        apart = max(outside, key=lambda at: abs(at - own)) - own
        if abs(apart) > self.pins.tolerance_seconds:
            words = (
                f"the log's clock said {moment(own)} of the checkpoint of size {checkpoint.size}, "
                f"a witness {moment(own + apart)}"
            )
            self._tell(Finding("BACKDATED", words, evidence=[checkpoint.data.decode()]))

    def _check_order(self, checkpoint: Checkpoint, own: int | None) -> None:
        """Hold a checkpoint against the one that was signed before it."""
        size, at, note = self._before
        evidence = [note.decode(), checkpoint.data.decode()]
        if checkpoint.size < size:
            words = f"the log signed {size} entries, and then {checkpoint.size}"
            self._tell(Finding("ROLLBACK", words, entry=checkpoint.size, evidence=evidence))
        elif own is not None and at is not None and own < at:
            words = (
                f"the log's clock went back from {moment(at)} at size {size} to {moment(own)} at size {checkpoint.size}"
            )
            self._tell(Finding("BACKDATED", words, entry=size, evidence=evidence))
        self._before = (checkpoint.size, own if own is not None else at, checkpoint.data)


def moment(at: float) -> str:
    """Give seconds since the epoch in the form that entries use."""
    bounded = min(max(at, -62_135_596_800), 253_402_300_799)
    return datetime.fromtimestamp(bounded, UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# The tree (RFC 6962 section 2.1) and its tiles (C2SP tlog-tiles)


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Hash entries as leaves."""
    return [sha256(b"\0" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent."""
    return sha256(b"\1" + left + right).digest()


def subtree_root(row: Sequence[bytes]) -> bytes:
    """Give the root over 1, 2, 4 ... hashes of one level."""
    while len(row) > 1:
        pairs = iter(row)
        row = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]


def append(parts: list[bytes], count: int, item: bytes) -> None:
    """Add a subtree to the frontier of `count` equal ones: the roots of complete subtrees, largest first."""
    while count & 1:
        item = node_hash(parts.pop(), item)
        count >>= 1
    parts.append(item)


def folded(parts: Sequence[bytes]) -> bytes:
    """Join complete subtrees, largest first, into one root."""
    if not parts:
        return EMPTY_ROOT
    root = parts[-1]
    for part in parts[-2::-1]:
        root = node_hash(part, root)
    return root


def row_parts(row: Sequence[bytes]) -> list[bytes]:
    """Give the complete subtrees of a row that begins one, largest first."""
    parts: list[bytes] = []
    for count, item in enumerate(row):
        append(parts, count, item)
    return parts


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Give the path of a tile: `tile/0/x001/x234/067`, `tile/entries/000.p/5`."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def width_at(size: int, level: int, index: int) -> int:
    """Give how many hashes a log of this size has in a tile."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


class Tree:
    """The tree of the entries so far, bundle by bundle: one row of hashes a level."""

    def __init__(self) -> None:
        self.tiles = 0
        self.rows: list[list[bytes]] = []
        self._parts: list[bytes] = []

    def roots(self, hashes: Sequence[bytes], widths: Sequence[int]) -> list[bytes]:
        """Give the roots of the tree of all full bundles, and of this many entries more of the one that is to come."""
        parts: list[bytes] = []
        roots, place = [], 0
        for width in widths:
            while place < width:
                append(parts, place, hashes[place])
                place += 1
            roots.append(folded([*self._parts, *parts]))
        return roots

    def add(self, hashes: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
        """Add a full bundle; give the tiles that it completes above itself: level, index and bytes."""
        root = subtree_root(hashes)
        append(self._parts, self.tiles, root)
        self.tiles += 1
        level = 1
        while True:
            if len(self.rows) < level:
                self.rows.append([])
            row = self.rows[level - 1]
            row.append(root)
            if len(row) < WIDTH:
                return
            yield level, (self.tiles >> HEIGHT * level) - 1, b"".join(row)
            root = subtree_root(row)
            row.clear()
            level += 1


class Bundle:
    """The files of the bundle: plain ones inside of it, so that no link shows what else there is on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.realpath(folder))
        self._odd: dict[str, str] = {}

    @property
    def findings(self) -> list[Finding]:
        """Give what was there and could not be read."""
        return [Finding("UNREADABLE", f"{path} {words}") for path, words in self._odd.items()]

    def open(self, path: str) -> IO[bytes] | None:
        """Open a file for reading, None where there is none that may be read."""
        real = Path(os.path.realpath(self.folder / path))
        try:
            if not real.is_relative_to(self.folder):
                self._tell(path, "leads out of the bundle")
            elif not stat.S_ISREG(real.stat().st_mode):  # to open a pipe would wait for who writes
                self._tell(path, "is no file")
            else:
                return real.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            self._tell(path, f"cannot be read: {error.strerror}")
        return None

    def _tell(self, path: str, words: str) -> None:
        if len(self._odd) < MAX_TOLD:
            self._odd[path] = words

    def read(self, path: str) -> bytes | None:
        """Give a file's bytes, None where it is not there; of a file that is too large no more than tells so."""
        file = self.open(path)
        if file is None:
            return None
        with file:
            return file.read(MAX_FILE_BYTES + 1)

    def tile(self, level: int, index: int, width: int) -> bytes | None:
        """Give the hashes of a tile, from a wider one where the partial is gone; None where there is neither."""
        data = self.read(tile_path(level, index, width))
        if data is None and width < WIDTH:
            wider = self._other(level, index)
            data = None if wider is None else wider[: width * HASH_BYTES]
        return data

    def entries(self, index: int, width: int) -> list[bytes]:
        """Give the entries of a bundle as they are there; none where it is missing, up to `width` of another one."""
        data = self.read(tile_path("entries", index, width))
        if data is not None:
            return split(data)
        return split(self._other("entries", index) or b"")[:width]

    def _other(self, level: int | str, index: int) -> bytes | None:
        """Give the full tile in a place, or the widest partial one: the log went on meanwhile, or was cut."""
        whole = tile_path(level, index)
        data = self.read(whole)
        if data is None and (widest := self._widest(f"{whole}.p")):
            return self.read(f"{whole}.p/{widest}")
        return data

    def _widest(self, folder: str) -> int:
        try:
            with os.scandir(self.folder / folder) as there:
                return max((int(one.name) for one in there if _PARTIAL(one.name)), default=0)
        except OSError:
            return 0

    def rotations(self) -> Iterator[tuple[int, bytes]]:
        """Yield the entries that may tell of new keys; what is missing ends it as it ends everything else."""
        index = gap = number = 0
        while gap <= MAX_GAP and number < MAX_ROTATIONS:
            data = self._other("entries", index)
            gap = 0 if data else gap + 1
            if data and _ROTATES in data:
                for place, entry in enumerate(split(data), index * WIDTH):
                    if _ROTATES in entry:
                        number += 1
                        yield place, entry
            index += 1

    def notes(self) -> Iterator[bytes]:
        """Yield the signed checkpoints of the file `checkpoints`, oldest first, as many as are read."""
        file = self.open("checkpoints")
        if file is None:
            return
        with file:
            paragraphs = _paragraphs(file)
            for number, text in enumerate(paragraphs):
                if number == MAX_CHECKPOINTS or file.tell() > MAX_CHECKPOINTS_BYTES:
                    self._tell("checkpoints", f"is larger than what is read: {number} are")
                    return
                yield text + b"\n" + next(paragraphs, b"")


_PARTIAL = re.compile("[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5]", re.ASCII).fullmatch


def _paragraphs(file: IO[bytes]) -> Iterator[bytes]:
    paragraph = b""
    while line := file.readline(MAX_NOTE_BYTES):
        if line == b"\n":
            yield paragraph
            paragraph = b""
        elif len(paragraph) <= MAX_NOTE_BYTES:  # what is longer is no note anyway
            paragraph += line
    if paragraph:
        yield paragraph


def split(data: bytes) -> list[bytes]:
    """Give the entries of a bundle; what is torn at its end counts as one, so that it is missed by nobody.

    So does what comes behind twice as many as it may have: millions of empty ones would fill the memory.
    """
    entries: list[bytes] = []
    place, size = 0, len(data)
    while place + 2 <= size and len(entries) < WIDTH * 2:
        start = place + 2
        place = start + (data[start - 2] << 8 | data[start - 1])
        entries.append(data[start:place])
    if place < size:
        entries.append(data[place:])
    return entries


# Entries: canonical JSON (RFC 8785), restricted


def _refuse_float(_text: str) -> NoReturn:
    raise Refused("it holds a number with a fraction or exponent")


_DECODE = json.JSONDecoder(parse_float=_refuse_float, parse_constant=_refuse_float).raw_decode
_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")).encode
# Integers of 16 digits may be 2^53 or beyond; keys beyond U+FFFF sort otherwise (RFC 8785, 3.2.3). Marking the bytes
# and looking for marks is many times as fast as a regular expression.
_MARKS = bytes(48 if 48 <= byte <= 57 else 33 if byte >= 0xF0 else 32 for byte in range(256))
_LONG_NUMBER, _BEYOND = b"0" * 16, b"!"
_DATE = "(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = re.compile(_DATE + r"T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{6}Z").fullmatch
_EVENT = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def parse_entry(data: bytes) -> dict[str, Any]:
    """Read an entry, and demand that its bytes are the only ones that say so; raises Refused."""
    if len(data) > MAX_BYTES:
        raise Refused(f"it has more than {MAX_BYTES} bytes")
    try:
        text = data.decode()
        marks = data.translate(_MARKS)
        is_plain = _LONG_NUMBER not in marks and _BEYOND not in marks
        if is_plain and data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
            content = _DECODE(text)[0]
            if type(content) is dict and _ENCODE(content) == text:
                return content
        return _parse_with_care(text)
    except RecursionError:
        raise Refused(f"it has more than {MAX_DEPTH} levels") from None
    except ValueError:
        raise Refused("it is not JSON in UTF-8") from None


def _parse_with_care(text: str) -> dict[str, Any]:
    """Read an entry slowly: for what the encoder of Python writes otherwise, and to say what is wrong."""
    content = json.loads(
        text,
        object_pairs_hook=_object,
        parse_int=_integer,
        parse_float=_refuse_float,
        parse_constant=_refuse_float,
    )
    if not isinstance(content, dict):
        raise Refused("it is no JSON object")
    if _written(content, 1) != text:
        raise Refused("it is JSON, but not its canonical form (RFC 8785)")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise Refused("a key stands twice in one object")
    return content


# Twice the same key would show one text to us, and another one to others.
_DECODE_LINE = json.JSONDecoder(object_pairs_hook=_object).decode


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise Refused("it holds an integer of 2^53 or beyond")
    return int(digits)


def _written(value: object, depth: int) -> str:
    """Write a value in canonical form, keys sorted by UTF-16 units."""
    if depth > MAX_DEPTH and isinstance(value, dict | list):
        raise Refused(f"it has more than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))  # ValueError for a lone surrogate
        return "{" + ",".join(f"{_ENCODE(key)}:{_written(value[key], depth + 1)}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item, depth + 1) for item in value) + "]"
    return _ENCODE(value)


def version_of(content: dict[str, Any]) -> int:
    """Give the version of an entry; raises Refused."""
    version = content.get("v")
    if type(version) is not int:  # and True == 1 in Python
        raise Refused("its version is no whole number")
    return version


def is_time(text: str) -> bool:
    """Tell whether a text is a time, of a day that there was, in the form in which entries have it."""
    if _TIME(text) is None:
        return False
    try:
        return text[8:10] <= "28" or bool(date.fromisoformat(text[:10]))
    except ValueError:
        return False


def check_members(content: dict[str, Any]) -> None:
    """Check that an entry of version 1 has the members that it has to have; raises Refused."""
    if not content.keys() >= MEMBERS:
        raise Refused(f"it is no entry of the trail: {', '.join(sorted(MEMBERS - content.keys()))} missing")
    at, event = content["at"], content["id"]
    if type(at) is not str or not is_time(at):
        raise Refused("its time is none, or not of the form 2026-11-23T20:00:00.000000Z")
    if type(event) is not str or _EVENT(event) is None:
        raise Refused("its event id is no UUID in small letters")
    if type(content["verb"]) is not str:
        raise Refused("its verb is no text")
    if not (type(content["subject"]) is type(content["actor"]) is type(content["data"]) is dict):
        raise Refused("its subject, actor or data are no objects")
    if type(content["commitments"]) is not dict:
        raise Refused("its commitments are no object")


class Heaps:
    """Records of one length, in little memory: they go to heaps by their key, and large heaps to disk.

    Which heap that is differs from run to run, so nobody can make all of them go to one.
    """

    def __init__(self) -> None:
        self._heaps = [tempfile.SpooledTemporaryFile(16_384) for _ in range(HEAPS)]  # noqa: SIM115 (see close)

    def add(self, key: bytes, record: bytes) -> None:
        """Take up a record."""
        self._heaps[hash(key) % HEAPS].write(record)

    def __iter__(self) -> Iterator[bytes]:
        """Yield heap by heap, each in the order in which it was filled."""
        for heap in self._heaps:
            heap.seek(0)
            yield heap.read()

    def close(self) -> None:
        """Remove the heaps."""
        for heap in self._heaps:
            heap.close()


class EventIds:
    """Finds events that stand twice."""

    def __init__(self) -> None:
        self._heaps = Heaps()
        self.close = self._heaps.close

    def add(self, index: int, event: str) -> None:
        """Take up an id, 36 characters."""
        raw = bytes.fromhex(event.replace("-", ""))
        self._heaps.add(raw, raw + index.to_bytes(8))

    def repeated(self) -> tuple[int, int] | None:
        """Give the first entry that repeats an event, and the entry that it repeats."""
        found: tuple[int, int] | None = None
        for data in self._heaps:
            seen = dict[bytes, int]()
            for place in range(0, len(data), 24):
                index = int.from_bytes(data[place + 16 : place + 24])
                first = seen.setdefault(data[place : place + 16], index)
                if first != index and (found is None or index < found[0]):
                    found = (index, first)
        return found


class Missing:
    """Texts that are gone, and those that entries behind them say to be erased."""

    def __init__(self) -> None:
        self._heaps = Heaps()
        self.close = self._heaps.close

    def add(self, index: int, event: str, name: str, *, is_erased: bool) -> None:
        """Take up that entry `index` lacks a text, or that it says so of another one."""
        key = self._key(event, name)
        self._heaps.add(key, key + bytes([is_erased]) + index.to_bytes(8))

    def first(self) -> tuple[int, set[bytes]] | None:
        """Give the first entry that lacks a text that nobody erased, and the keys of such texts."""
        found: tuple[int, set[bytes]] | None = None
        for data in self._heaps:
            gone = dict[bytes, int]()
            for place in range(0, len(data), 25):
                key = data[place : place + 16]
                if data[place + 16]:
                    gone.pop(key, None)
                else:
                    gone[key] = int.from_bytes(data[place + 17 : place + 25])
            first = min(gone.values(), default=MAX_SIZE)
            keys = {key for key, index in gone.items() if index == first}
            if keys and (found is None or first <= found[0]):
                found = (first, keys | (found[1] if found and found[0] == first else set()))
        return found

    def names(self, entry: bytes, keys: Collection[bytes]) -> list[str]:
        """Name those texts of an entry."""
        content = parse_entry(entry)
        return sorted(name for name in content["commitments"] if self._key(content["id"], name) in keys)

    def _key(self, event: str, name: str) -> bytes:
        return sha256(f"{len(event)} {event} {name}".encode(errors="replace")).digest()[:16]


class Lines:
    """A file of JSON lines with ascending `index`, read beside the entries."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._before = -1
        self._raw = file.readline(MAX_LINE_BYTES)

    def take_exactly(self, index: int, raw: bytes) -> bool:
        """Take the next line if it is this one, byte for byte, which spares reading it as JSON."""
        if self._raw != raw:
            return False
        self._advance(index)
        return True

    def take(self, index: int) -> dict[str, Any] | None:
        """Give the line of an entry, None where it has none; raises Refused."""
        line = self._parsed()
        while line is not None and line["index"] < index:  # of an entry that could not be read
            self._advance(line["index"])
            line = self._parsed()
        if line is None or line["index"] != index:
            return None
        self._advance(index)
        return line

    def beyond(self, size: int) -> int | None:
        """Give the index of a line behind the last entry, None where there is none; raises Refused."""
        self.take(size - 1)
        line = self._parsed()
        return None if line is None else int(line["index"])

    def _advance(self, before: int) -> None:
        self._before = before
        self._raw = self._file.readline(MAX_LINE_BYTES)

    def _parsed(self) -> dict[str, Any] | None:
        if not self._raw:
            return None
        try:
            line = _DECODE_LINE(self._raw.decode())
        except (ValueError, RecursionError, Refused):
            line = None
        if type(line) is not dict or type(line.get("index")) is not int or line["index"] <= self._before:
            raise Refused(f"{self._name} is no JSON lines with ascending index behind {self._before}")
        return line


class Entries:
    """Checks entry by entry what the tree cannot: form, times, search columns, and texts behind commitments."""

    def __init__(
        self, bundle: Bundle, statements: Sequence[Statement], tolerance_seconds: int, rotations: dict[int, bytes]
    ) -> None:
        self.findings: dict[str, Finding] = {}
        self._bundle, self._rotations = bundle, dict(rotations)
        self.unknown_versions = 0
        self.unchecked_actors = 0
        self._ids = EventIds()
        self._files = {name: bundle.open(f"{name}.jsonl") for name in ("projection", "disclosures")}
        self._lines = {name: Lines(file, name) for name, file in self._files.items() if file is not None}
        self._missing = Missing()
        timed = [one for one in statements if one.first_at is not None]
        self.is_timed = bool(timed)
        self._brackets = _brackets(timed, tolerance_seconds)
        self._bracket = next(self._brackets)

    @property
    def read_beside(self) -> list[str]:
        """Name the files that were read beside the entries."""
        return sorted(self._lines)

    def check(self, first: int, entries: Iterable[bytes]) -> None:
        """Check a run of entries, from index `first` on."""
        for index, data in enumerate(entries, first):
            try:
                content = parse_entry(data)
                if version_of(content) != 1:
                    self.unknown_versions += 1
                    continue
                check_members(content)
            except Refused as error:
                self._found("NON_CANONICAL", index, str(error))
                continue
            if content["verb"] == ROTATED and self._rotations.pop(index, None) != sha256(data).digest():
                self._found("UNTRUSTED", index, "it tells of a new key, and not as it did when keys were looked for")
            self._ids.add(index, content["id"])
            self._check_time(index, content["at"])
            if self._lines:
                self._check_beside(index, content, is_plain=b"\\" not in data)

    def close(self, *, size: int, is_whole: bool) -> None:
        """Come to what only the end shows; `is_whole` when all entries were seen, `size` of them."""
        if is_whole and (twice := self._ids.repeated()):
            self._found("DUPLICATED", twice[0], f"it tells of the same event as entry {twice[1]}")
        if is_whole and (gone := [index for index in self._rotations if index < size]):
            self._found("UNTRUSTED", min(gone), "it told of a new key when keys were looked for, and is another one")
        is_read = is_whole and "disclosures" in self._lines  # else what erased a text may stand behind what was read
        if is_read and (gone_texts := self._missing.first()):
            self._find_erasure(*gone_texts, size=size)
        for name, lines in self._lines.items() if is_whole else ():
            self._check_end(name, lines, size)
        self._ids.close()
        self._missing.close()
        for file in self._files.values():
            if file is not None:
                file.close()

    def _find_erasure(self, index: int, keys: Collection[bytes], *, size: int) -> None:
        tile, place = divmod(index, WIDTH)
        names = self._missing.names(self._bundle.entries(tile, width_at(size, 0, tile))[place], keys)
        self._found("UNAUTHORISED_ERASURE", index, f"the text of {', '.join(names)} is gone without an entry")

    def _check_end(self, name: str, lines: Lines, size: int) -> None:
        try:
            if (beyond := lines.beyond(size)) is not None:
                self._found("UNREADABLE", beyond, f"{name}.jsonl has a line for an entry that is not there")
        except Refused as error:
            self._found("UNREADABLE", size, str(error))

    def _found(self, verdict: str, index: int, words: str) -> None:
        known = self.findings.get(verdict)
        if known is None or index < (known.entry or 0):
            self.findings[verdict] = Finding(verdict, f"entry {index}: {words}", entry=index)

    def _check_time(self, index: int, at: str) -> None:
        while index >= self._bracket[0]:
            self._bracket = next(self._brackets)
        _, low, high = self._bracket
        if not low <= at <= high:
            words = f"it says that it happened at {at}"
            side = f"the log was without it at {low}" if at < low else f"it was in the log already at {high}"
            self._found("BACKDATED", index, f"{words}, but {side} (tolerance included)")

    def _check_beside(self, index: int, content: dict[str, Any], *, is_plain: bool) -> None:
        try:
            opened = self._check_texts(index, content) if "disclosures" in self._lines else {}
            if "projection" in self._lines:
                self._check_projection(index, content, opened, is_plain=is_plain)
        except Refused as error:
            self._found("UNREADABLE", index, str(error))
            self._lines.clear()

    def _check_texts(self, index: int, content: dict[str, Any]) -> dict[str, str]:
        """Open the commitments of an entry, and give the texts behind them."""
        line = self._lines["disclosures"].take(index) or {"index": index, "texts": {}}
        opened = line.get("texts")
        if line.keys() != {"index", "texts"} or type(opened) is not dict:
            raise Refused(f"the disclosures of entry {index} are no texts, or hold something else, too")
        committed, event = content["commitments"], content["id"]
        texts = {}
        for name, pair in opened.items():
            commitment = _commitment(pair)
            if commitment is None or committed.get(name) != commitment:
                self._found("TAMPERED", index, f"the text that is shown for {name} is not the one that it commits to")
            else:
                texts[name] = pair[1]
        for name in committed.keys() - opened.keys():
            self._missing.add(index, event, name, is_erased=False)
        if content["verb"] == ERASED:
            self._authorise(index, content["data"])
        return texts

    def _authorise(self, index: int, data: dict[str, Any]) -> None:
        """Note what an entry says to be erased."""
        event, fields = data.get("event"), data.get("fields")
        if isinstance(event, str) and isinstance(fields, list):
            for name in fields:
                if isinstance(name, str):
                    self._missing.add(index, event, name, is_erased=True)

    def _check_projection(self, index: int, content: dict[str, Any], texts: dict[str, str], *, is_plain: bool) -> None:
        expected = _projection(content, texts)
        lines = self._lines["projection"]
        if is_plain and (raw := _projection_line(index, expected)) and lines.take_exactly(index, raw):
            return
        line = lines.take(index)
        if line is None:
            self._found("PROJECTION_MISMATCH", index, "it has no search columns")
            return
        if line.keys() != {"index", *PROJECTED}:
            self._found("PROJECTION_MISMATCH", index, "it has other search columns than those that follow from it")
            return
        if expected["actor"] is _SEALED:
            self.unchecked_actors += 1
            expected["actor"] = line["actor"]
        for name in PROJECTED:  # and True == 1 in Python
            if line[name] != expected[name] or type(line[name]) is not type(expected[name]):
                self._found("PROJECTION_MISMATCH", index, f"the search column {name} says something else")
                return


def _brackets(timed: Sequence[Statement], tolerance: int) -> Iterator[tuple[int, str, str]]:
    """Yield spans of entries: up to which index, and between which times they have to be."""
    low = ""
    for one in timed:
        yield one.size, low, moment((one.first_at or 0) + tolerance)
        low = max(low, moment((one.last_at or 0) - tolerance))
    yield MAX_SIZE + 1, low, "~"


def _commitment(pair: object) -> str | None:
    """Give the commitment that a salt and a text make (docs/audit.md), None where they are none."""
    match pair:
        case [str(salt), str(text)] if 32 <= len(salt) <= 510:
            try:
                raw = bytes.fromhex(salt)
                data = b"\2" + bytes([len(raw)]) + raw + text.encode()
            except ValueError:
                return None
            return f"sha256:{sha256(data).hexdigest()}" if raw.hex() == salt else None
    return None


def _projection_line(index: int, columns: dict[str, Any]) -> bytes | None:
    """Give the line that the log writes of an entry without backslashes, where no text needs to be escaped.

    None where a column is not of the type that it should be, and has to be looked at.
    """
    incident, actor = columns["incident_id"], columns["actor"]
    if not (type(actor) is type(columns["subject_type"]) is type(columns["subject_id"]) is str):
        return None
    if incident is not None and type(incident) is not int:
        return None
    name = _ENCODE(actor) if actor.startswith("service:") else f'"{actor}"'  # a service's comes from beside the entry
    return (
        f'{{"index":{index},"event_id":"{columns["event_id"]}","verb":"{columns["verb"]}",'
        f'"subject_type":"{columns["subject_type"]}","subject_id":"{columns["subject_id"]}",'
        f'"actor":{name},"incident_id":{"null" if incident is None else incident},'
        f'"occurred_at":"{columns["occurred_at"]}"}}\n'
    ).encode()


_SEALED = object()  # the name of a service, which stands in a commitment that is not opened


def _projection(content: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
    actor, subject = content["actor"], content["subject"]
    kind = actor.get("kind")
    name = kind
    if actor.get("id") is not None:
        name = f"{kind}:{actor['id']}"
    elif kind == "service":
        name = f"service:{texts['actor.name']}" if "actor.name" in texts else _SEALED
    return {
        "event_id": content["id"],
        "verb": content["verb"],
        "subject_type": subject.get("type"),
        "subject_id": subject.get("id"),
        "actor": name,
        "incident_id": content["incident"],
        "occurred_at": content["at"],
    }


# Where the entries do not make the signed tree: which is the first bad one, and what was done


class Diagnosis:
    """Finds the first bad entry, by the stored hashes as far as the signed root vouches for them."""

    def __init__(self, bundle: Bundle, head: Statement, good: int, bad: int) -> None:
        """Take what is known: the entries up to `good` are right, those up to `bad` are not."""
        self._bundle, self._size = bundle, head.size
        self._good, self._bad = good, bad
        self._tiles: dict[tuple[int, int], list[bytes] | None] = {}
        self._is_edge_right = self._edge_root() == head.root
        self.count = sum(map(len, self._bundles(0)))

    def finding(self) -> Finding:
        """Say what was done, and to which entry."""
        entry, through = self._first_bad()
        if entry >= self._size:
            return Finding("TAMPERED", f"there is more than the {self._size} entries that were signed", entry=entry)
        if entry >= self.count:
            return Finding("TRUNCATED", f"entries {self.count} to {self._size - 1} are missing", entry=self.count)
        if entry == through and self._authentic(entry) is not None:
            return self._what_was_done(entry)
        return self._change(entry, through)

    def _change(self, entry: int, through: int) -> Finding:
        span = f"entry {entry}" if entry == through else f"one of the entries {entry} to {through}"
        if self.count < self._size:
            missing = f"{self._size - self.count} of {self._size} entries are missing"
            return Finding("DELETED", f"{missing}, and {span} is the first bad one", entry, through)
        return Finding("TAMPERED", f"{span} is not what was signed", entry, through)

    def root_at(self, size: int) -> bytes | None:
        """Give the signed tree's root at a smaller size, None where the stored hashes do not say it."""
        parts: list[bytes] = []
        for level in reversed(range(max(1, -(-size.bit_length() // HEIGHT)))):
            count = size >> HEIGHT * level
            if width := count % WIDTH:
                tile = self._tile(level, count // WIDTH)
                if tile is None:
                    return None
                parts += row_parts(tile[:width])
        return folded(parts)

    def _actual(self, start: int) -> Iterator[bytes]:
        """Yield the hashes of the entries that are there, from an index on, whatever bundle they lie in."""
        skipped = start % WIDTH
        for entries in self._bundles(start // WIDTH):
            yield from leaf_hashes(entries[skipped:])
            skipped = max(0, skipped - len(entries))

    def _bundles(self, first: int) -> Iterator[list[bytes]]:
        """Yield the bundles that are there; a size that was signed falsely must not make this endless."""
        gap = 0
        for index in range(first, -(-self._size // WIDTH)):
            entries = self._bundle.entries(index, width_at(self._size, 0, index))
            gap = 0 if entries else gap + 1
            if gap > MAX_GAP:
                return
            yield entries

    def _stored(self, level: int, index: int) -> list[bytes] | None:
        width = width_at(self._size, level, index)
        data = self._bundle.tile(level, index, width)
        if data is None or len(data) != width * HASH_BYTES or not width:
            return None
        return [data[place : place + HASH_BYTES] for place in range(0, len(data), HASH_BYTES)]

    def _edge(self) -> list[tuple[int, int]]:
        """Name the tiles at the right edge that are not full, highest first: they make the root."""
        levels = range(max(1, -(-self._size.bit_length() // HEIGHT)))
        edge = [(level, self._size >> HEIGHT * (level + 1)) for level in levels]
        return [(level, index) for level, index in reversed(edge) if width_at(self._size, level, index)]

    def _edge_root(self) -> bytes | None:
        parts: list[bytes] = []
        for level, index in self._edge():
            tile = self._stored(level, index)
            if tile is None:
                return None
            parts += row_parts(tile)
        return folded(parts)

    def _tile(self, level: int, index: int) -> list[bytes] | None:
        """Give a tile that the root vouches for, None where it does not."""
        place = (level, index)
        if place not in self._tiles:
            if len(self._tiles) > WINDOW:
                self._tiles.clear()
            self._tiles[place] = self._vouched(level, index)
        return self._tiles[place]

    def _vouched(self, level: int, index: int) -> list[bytes] | None:
        tile = self._stored(level, index) if self._is_edge_right else None
        if tile is None or len(tile) < WIDTH:
            return tile
        above = self._tile(level + 1, index // WIDTH)
        return tile if above is not None and subtree_root(tile) == above[index % WIDTH] else None

    def _authentic(self, index: int) -> bytes | None:
        """Give the signed hash of an entry, None where nobody vouches for one."""
        tile = self._tile(0, index // WIDTH) if index < self._size else None
        return None if tile is None else tile[index % WIDTH]

    def _first_bad(self) -> tuple[int, int]:
        """Give the first bad entry, or the narrowest span that it lies in."""
        found = (self._good, self._bad - 1)
        for level, index in self._edge() if self._is_edge_right else ():
            if (inside := self._within(level, index)) is not None:
                found = inside
                break
        return max(found[0], self._good), max(found[1], self._good)

    def _within(self, level: int, index: int) -> tuple[int, int] | None:
        """Find the first bad entry below a tile that is vouched for."""
        below = HEIGHT * level
        for place, expected in enumerate(self._tile(level, index) or ()):
            start = (index * WIDTH + place) << below
            end = start + (1 << below)
            if end <= self._good or self._computed(start, end) == expected:
                continue
            if level == 0:
                return start, start
            if self._tile(level - 1, index * WIDTH + place) is None:
                return start, end - 1
            return self._within(level - 1, index * WIDTH + place) or (start, end - 1)
        return None

    def _computed(self, start: int, end: int) -> bytes | None:
        """Give the root over entries that are there, None where some are not."""
        if end > self.count:
            return None
        parts: list[bytes] = []
        for count, item in zip(range(end - start), self._actual(start), strict=False):
            append(parts, count, item)
        return folded(parts)

    def _what_was_done(self, entry: int) -> Finding:
        """Tell an exchange, a deletion, an insertion and a change apart, by the hashes around the first bad entry."""
        if self.count == self._size and self._is_exchange(entry):
            return Finding("REORDERED", f"from entry {entry} on they are in another order", entry=entry)
        actual = [item for item, _ in zip(self._actual(entry), range(WINDOW), strict=False)]
        signed = [item for item in map(self._authentic, range(entry, min(entry + WINDOW, self._size))) if item]
        if gone := _offset(signed, actual):
            through = entry + gone - 1
            return Finding("DELETED", f"{gone} entries from {entry} on are gone", entry=entry, through=through)
        if more := _offset(actual, signed):
            through = entry + more - 1
            return Finding("TAMPERED", f"{more} entries were inserted in front of entry {entry}", entry, through)
        return self._change(entry, entry)

    def _is_exchange(self, entry: int) -> bool:
        """Tell whether the changed entries are the signed ones in another order."""
        actual, signed = Counter[bytes](), Counter[bytes]()
        for index, item in enumerate(self._actual(entry), entry):
            expected = self._authentic(index)
            if expected is None or len(actual) > MAX_CHANGES:
                return False
            if item != expected:
                actual[item] += 1
                signed[expected] += 1
        return actual == signed


def _offset(whole: Sequence[bytes], part: Sequence[bytes]) -> int:
    """Give how many hashes to leave out in front of `whole` so that it goes on as `part` does; 0 for none."""
    for offset in range(1, len(whole)):
        length = min(len(part), len(whole) - offset, HEIGHT)
        if length and list(whole[offset : offset + length]) == list(part[:length]):
            return offset
    return 0


# The whole


@dataclass(slots=True)
class Report:
    """What came out."""

    origin: str
    size: int = 0
    root: str = ""
    anchored: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    tree_seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """Give the weightiest verdict."""
        order = list(VERDICTS)
        return min((one.verdict for one in self.findings), key=order.index, default="OK")

    @property
    def first_bad(self) -> Finding | None:
        """Give the finding that the verdict rests on: of one weight the earliest entry."""
        found = [one for one in self.findings if one.verdict == self.verdict]
        return min(found, key=lambda one: MAX_SIZE if one.entry is None else one.entry, default=None)

    @property
    def exit_code(self) -> int:
        """Give the exit code of the verdict."""
        return VERDICTS[self.verdict][0]

    def as_json(self) -> dict[str, Any]:
        """Give the report for machines."""
        first = self.first_bad
        return {
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "first_bad_entry": None if first is None else first.entry,
            **asdict(self),
        }

    def as_words(self) -> str:
        """Give the report for people."""
        lines = [f"{self.verdict}: {VERDICTS[self.verdict][1]}."]
        order = list(VERDICTS)
        found = sorted(self.findings, key=lambda one: order.index(one.verdict))
        lines += [f"  {one.verdict}: {one.words}." for one in found]
        lines.append(f"Log {self.origin}, {self.size} entries, root {self.root or 'unknown'}.")
        lines.append(self._anchors())
        lines += self.notes
        # Names come from the bundle: what could command a terminal is shown and not sent.
        return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in "\n".join(lines))

    def _anchors(self) -> str:
        if self.size and self.anchored >= self.size:
            return f"A checkpoint of {self.size} entries is held outside: by a witness that you named, or by you."
        if self.anchored:
            held = f"Held outside: the checkpoint of entries 0 to {self.anchored - 1}."
        else:
            held = "No checkpoint is held outside."
        return f"{held} Whoever has the log's key could still exchange all behind it without a trace in this bundle."


class Verification:
    """One run over one bundle."""

    def __init__(self, folder: Path, pins: Pins, known: Sequence[bytes] = ()) -> None:
        self._bundle, self._pins = Bundle(folder), pins
        self._chain = KeyChain(pins, self._bundle.rotations())
        self._statements = Statements(pins, self._chain)
        self._known = [self._statements.add(data, what="your checkpoint", is_yours=True) for data in known]
        self.report = Report(pins.origin)
        self._tile_findings: list[Finding] = []

    def run(self) -> Report:
        """Verify everything; never raises for what is in the bundle."""
        began = time.monotonic()
        head = self._read_statements()
        if head is not None:
            self.report.size, self.report.root = head.size, base64.b64encode(head.root).decode()
            self._check_sizes(head)
            self._check_entries(head)
        self.report.findings += [*self._chain.findings, *self._statements.findings, *self._bundle.findings]
        self.report.checkpoints = self._statements.read
        self._say_which_keys()
        self.report.seconds = round(time.monotonic() - began, 3)
        return self.report

    def _read_statements(self) -> Statement | None:
        """Read the checkpoints of the bundle; give the largest tree that the log signed."""
        found = [
            self._statements.add(note, what=f"checkpoint {number} of the bundle", is_ordered=True)
            for number, note in enumerate(self._bundle.notes(), 1)
        ]
        newest = self._bundle.read("checkpoint")
        if newest is None:
            self._report("UNREADABLE", "the bundle has no file `checkpoint`")
        else:
            found.append(self._statements.add(newest, what="the checkpoint of the bundle"))
        heads = [one for one in found if one is not None]
        if not heads:
            self._report("UNTRUSTED", "no checkpoint of the bundle is signed by one of your keys for this log")
            return None
        return max(heads, key=lambda one: one.size)

    def _say_which_keys(self) -> None:
        """Say which keys took the place of others, so that they can be pinned next time."""
        for one in self._chain.rotations:
            new = " and ".join(map(str, one.new))
            self.report.notes.append(f"From entry {one.index} on, new keys sign checkpoints: {new}.")

    def _report(self, verdict: str, words: str, **more: Any) -> None:
        self.report.findings.append(Finding(verdict, words, **more))

    def _check_sizes(self, head: Statement) -> None:
        """Hold the largest tree of the bundle against the one that you know."""
        known = max((one for one in self._known if one is not None), key=lambda one: one.size, default=None)
        if known is None or known.size <= head.size:
            return
        is_older = head.last_at is not None and known.first_at is not None and head.last_at <= known.first_at
        words = f"the bundle ends at {head.size} entries, you hold a checkpoint of {known.size}"
        evidence = [head.note.decode(), known.note.decode()]
        if is_older:
            self._report("TRUNCATED", f"{words}, signed later", entry=head.size, evidence=evidence)
        else:
            self._report("ROLLBACK", f"{words}, and it was not signed later", entry=head.size, evidence=evidence)

    def _check_entries(self, head: Statement) -> None:
        """Read every entry once; then say what is wrong with the tree, where something is."""
        statements = [one for one in self._statements.sorted() if one.size <= head.size]
        entries = Entries(self._bundle, statements, self._pins.tolerance_seconds, self._chain.entries)
        wrong, good, is_shaped = self._grow(head, statements, entries)
        heads = [one for one in statements if one.size == head.size and one.is_theirs]
        is_whole = is_shaped and not set(heads) <= set(wrong)
        entries.close(size=head.size, is_whole=is_whole)
        if is_whole:
            self.report.findings += [*entries.findings.values(), *self._tile_findings]
        else:
            bad = min((one.size for one in wrong), default=head.size)
            diagnosis = Diagnosis(self._bundle, head, good, bad)
            self.report.findings.append(found := diagnosis.finding())
            limit = found.entry or 0
            self.report.findings += [one for one in entries.findings.values() if (one.entry or 0) < limit]
            signed = ((one, diagnosis.root_at(one.size)) for one in wrong[:WINDOW])
            wrong = [one for one, root in signed if root not in (None, one.root)]
        self._contradictions(wrong, head)
        self._say_what_was_not_checked(entries)
        contradicting = set(wrong)
        self._check_anchors(head, [one for one in statements if one not in contradicting])

    def _grow(
        self, head: Statement, statements: Sequence[Statement], entries: Entries
    ) -> tuple[list[Statement], int, bool]:
        """Grow the tree to the head; give what contradicts it, the last good size, and whether all is there."""
        tree, wrong, good = Tree(), list[Statement](), 0
        waiting = list(reversed(statements))
        for index in range(max(1, -(-head.size // WIDTH))):
            width = width_at(head.size, 0, index)
            found = self._bundle.entries(index, width)
            began = time.process_time()
            hashes = leaf_hashes(found)
            due = []
            while waiting and waiting[-1].size <= index * WIDTH + min(len(hashes), WIDTH - 1):
                due.append(waiting.pop())
            roots = tree.roots(hashes, [one.size - index * WIDTH for one in due])
            for one, root in zip(due, roots, strict=True):
                if one.root != root:
                    wrong.append(one)
                elif not wrong:
                    good = one.size
            if len(found) != width:
                return wrong, good, False
            made = [(0, index, b"".join(hashes))] if width else []
            if width == WIDTH:
                made += tree.add(hashes)
            self.report.tree_seconds += time.process_time() - began
            for level, place, data in made:
                self._compare(level, place, data)
            if not wrong:
                entries.check(index * WIDTH, found)
        return self._finish(tree, wrong, good, waiting)

    def _finish(
        self, tree: Tree, wrong: list[Statement], good: int, waiting: list[Statement]
    ) -> tuple[list[Statement], int, bool]:
        """Come to the statements of exactly all full bundles, and to the rows that are not full."""
        for one in waiting:
            if tree.roots([], [0]) != [one.root]:
                wrong.append(one)
            elif not wrong:
                good = max(good, one.size)
        for level, row in enumerate(tree.rows, 1):
            if row:
                self._compare(level, tree.tiles >> HEIGHT * level, b"".join(row))
        return wrong, good, True

    def _compare(self, level: int, index: int, expected: bytes) -> None:
        """Hold a stored tile against the hashes that the entries make; the first that differs is enough."""
        if self._tile_findings:
            return
        width = len(expected) // HASH_BYTES
        stored = self._bundle.tile(level, index, width)
        path = tile_path(level, index, width)
        first = index * WIDTH << HEIGHT * level
        if stored is None:
            self._tile_findings.append(Finding("UNREADABLE", f"the hashes {path} are missing", entry=first))
        elif stored != expected:
            words = f"the stored hashes {path} are not those of the entries, which are right"
            self._tile_findings.append(Finding("TAMPERED", words, entry=first))

    def _contradictions(self, wrong: Sequence[Statement], head: Statement) -> None:
        """Name what the log signed beside the head that cannot be true together with it."""
        others = [one for one in wrong if one.size != head.size]  # of which the others are a split view, found already
        for one in others[:MAX_TOLD]:
            whose = "you hold" if one.is_yours else "it signed, too"
            words = f"the {one.size} entries of the checkpoint that {whose} are not the beginning of these {head.size}"
            evidence = [one.note.decode(), head.note.decode()]
            self._report("INCONSISTENT", words, evidence=evidence)

    def _check_anchors(self, head: Statement, statements: Sequence[Statement]) -> None:
        """Say up to which entry somebody outside holds a checkpoint."""
        outside = [one.size for one in statements if is_held_outside(one, self._pins)]
        self.report.anchored = max(outside, default=0)
        if self.report.anchored < head.size:
            words = f"entries {self.report.anchored} to {head.size - 1} are under no checkpoint that is held outside"
            self._report("UNANCHORED", words, entry=self.report.anchored, through=head.size - 1)

    def _say_what_was_not_checked(self, entries: Entries) -> None:
        notes = self.report.notes
        for name in ("projection", "disclosures"):
            if name not in entries.read_beside:
                notes.append(f"Not checked: {name}, for the bundle has none (or they could not be read).")
        if not self._statements.is_ordered:
            notes.append("Not checked: what was signed before, for the bundle has no file `checkpoints`.")
        if not entries.is_timed:
            notes.append("Not checked: times, for no checkpoint carries a time by a key that you pinned.")
        if entries.unknown_versions:
            notes.append(f"Only in the tree: {entries.unknown_versions} entries of versions that are not known here.")
        if entries.unchecked_actors:
            notes.append(f"Not checked: the names of {entries.unchecked_actors} services in search columns.")


# One entry's proof (C2SP tlog-proof)


def verify_proof(data: bytes, entry: bytes, index: int, pins: Pins, known: Sequence[bytes] = ()) -> Report:
    """Check that an entry stands at an index of the log, under a checkpoint that one of your keys signed.

    Of the checkpoints that you hold, the one of the same size has to be of the same tree.
    """
    report, statements = Report(pins.origin), Statements(pins, KeyChain(pins))
    held = [statements.add(one, what="your checkpoint", is_yours=True) for one in known]
    try:
        claimed, hashes, note = parse_proof(data)
        parse_entry(entry)
    except Refused as error:
        report.findings.append(Finding("UNREADABLE", f"proof or entry: {error}", entry=index))
        return report
    statement = statements.add(note, what="the checkpoint of the proof")
    report.findings += statements.findings
    if statement is None:
        report.findings.append(Finding("UNTRUSTED", "the checkpoint of the proof is signed by none of your keys"))
        return report
    report.size, report.root = statement.size, base64.b64encode(statement.root).decode()
    if claimed != index:
        report.findings.append(Finding("TAMPERED", f"the proof is of entry {claimed}, not of {index}", entry=index))
    elif included_root(sha256(b"\0" + entry).digest(), index, statement.size, hashes) != statement.root:
        report.findings.append(Finding("TAMPERED", f"this is not entry {index} of the log", entry=index))
    if is_held_outside(statement, pins):
        report.anchored = statement.size
    else:
        words = "no witness that you named signed the checkpoint, and it is none that you hold"
        report.findings.append(Finding("UNANCHORED", words, entry=index))
    for size in sorted({one.size for one in held if one is not None} - {statement.size}):
        words = "a proof says nothing of other sizes than its own; verify a bundle"
        report.notes.append(f"Not compared: the checkpoint of {size} entries that you hold, for {words}.")
    return report


def parse_proof(data: bytes) -> tuple[int, list[bytes], bytes]:
    """Read a proof: the index that it claims, its hashes and its checkpoint; raises Refused."""
    head, _, note = data.partition(b"\n\n")
    if len(head) > MAX_NOTE_BYTES:
        raise Refused("it is too large for a proof")
    lines = head.decode(errors="replace").split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Refused("it does not begin with c2sp.org/tlog-proof@v1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    if not lines or not lines[0].startswith("index "):
        raise Refused("it has no index")
    index = decimal(lines.pop(0).removeprefix("index "))
    hashes = [unbase64(line) or b"" for line in lines]
    if len(hashes) > MAX_PROOF_HASHES or any(len(item) != HASH_BYTES for item in hashes):
        raise Refused("its lines are no hashes")
    return index, hashes, note


def included_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Give the root that an inclusion proof leads to (RFC 9162 section 2.1.3.2), None where it fits no such tree."""
    if not 0 <= index < size:
        return None
    place, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            leaf = node_hash(sibling, leaf)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        place, last = place >> 1, last >> 1
    return leaf if last == 0 else None


# The command


def main(argv: Sequence[str] | None = None) -> int:
    """Verify, print the report, and give the exit code of the verdict; 2 without one."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        pins = Pins(
            origin=arguments.origin,
            keys=[parse_key(vkey) for vkey in arguments.vkey],
            witnesses=[parse_key(vkey) for vkey in arguments.witness],
            quorum=arguments.quorum,
            tolerance_seconds=arguments.tolerance,
        )
        report = _run(arguments, pins, parser.error)
        if arguments.accept_unanchored:
            report.findings = [one for one in report.findings if one.verdict != "UNANCHORED"]
        if arguments.evidence:
            _keep_evidence(arguments.evidence, report)
    except (OSError, Refused) as error:
        parser.error(str(error))
    except MemoryError:
        parser.error("there is not enough memory on this machine")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    print(json.dumps(report.as_json(), indent=2) if arguments.json else report.as_words())
    return report.exit_code


def _run(arguments: argparse.Namespace, pins: Pins, misused: Callable[[str], NoReturn]) -> Report:
    known = [_read(path) for path in arguments.known]
    if arguments.proof:
        if arguments.entry is None or arguments.index is None:
            misused("--proof needs --entry and --index: you say which entry it has to be")
        return verify_proof(_read(arguments.proof), _read(arguments.entry), arguments.index, pins, known)
    if arguments.bundle is None or not arguments.bundle.is_dir():
        misused("name the folder of the bundle")
    return Verification(arguments.bundle, pins, known).run()


def _read(path: Path) -> bytes:
    """Give what is in a file, up to more than it may be."""
    with path.open("rb") as file:
        return file.read(MAX_NOTE_BYTES * 2)


def _natural(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _positive(text: str) -> int:
    if not _natural(text):
        raise argparse.ArgumentTypeError("at least 1")
    return int(text)


def _keep_evidence(folder: Path, report: Report) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, finding in enumerate(report.findings, 1):
        for letter, note in zip("ab", finding.evidence, strict=False):
            (folder / f"{number:02d}-{finding.verdict.lower()}-{letter}.note").write_text(note, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {code:3}  {name:21} {words}" for name, (code, words) in reversed(VERDICTS.items()))
    parser = argparse.ArgumentParser(
        prog="verify_trail.py",
        description="Verify an exported audit trail, trusting nobody but the keys that you name.",
        epilog=f"exit codes:\n{codes}\n    2  no verdict: misused, or stopped by this machine\n\n"
        "Of several verdicts the one furthest down is given.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("bundle", nargs="?", type=Path, help="folder of the exported bundle")
    add("--origin", required=True, help="the log that it has to be, as you were told when it began")
    add("--vkey", action="append", required=True, metavar="KEY", help="a key by which the log speaks (repeat)")
    add("--witness", action="append", default=[], metavar="KEY", help="the key of a witness that you trust (repeat)")
    add("--quorum", type=_positive, default=1, metavar="N", help="how many witnesses must have signed (default 1)")
    add("--known", action="append", default=[], type=Path, metavar="FILE", help="a checkpoint that you kept (repeat)")
    add("--tolerance", type=_natural, default=TOLERANCE_SECONDS, metavar="SECONDS", help="between clocks (default 300)")
    add("--accept-unanchored", action="store_true", help="do not mind entries at the end that nobody outside holds")
    add("--evidence", type=Path, metavar="FOLDER", help="keep contradicting signed notes in files here")
    add("--json", action="store_true", help="print the report as JSON")
    add("--proof", type=Path, metavar="FILE", help="verify one entry's .tlog-proof instead of a bundle")
    add("--entry", type=Path, metavar="FILE", help="with --proof: the bytes of the entry")
    add("--index", type=_natural, metavar="N", help="with --proof: the index that the entry has to have")
    return parser


if __name__ == "__main__":
    sys.exit(main())
