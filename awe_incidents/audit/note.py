"""Signed notes by C2SP signed-note: a text, an empty line, and a line for each signature; and the keys that sign them.

    <text that ends in a newline>

    — <key name> <base64 of the key id (4 bytes) and the signature>

Whoever reads a note believes keys that they were given beforehand, and ignores all others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from awe_incidents.audit.errors import (
    KeyAmbiguous,
    KeyIdWrong,
    KeyMalformed,
    KeyTypeUnknown,
    NoteMalformed,
    NotSigned,
    SignatureWrong,
)

ED25519 = 0x01  # signature types, as signed-note assigns them
COSIGNATURE_ED25519 = 0x04
COSIGNATURE_MLDSA44 = 0x06
MAX_SIGNATURES = 100  # the text demands at least 16; Go's implementation takes as many as these
MAX_BYTES = 1_000_000
KEY_BYTES = {ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_MLDSA44: 1312}
_SEED_BYTES = 32  # of Ed25519 and of ML-DSA alike
_DASH = "\u2014 "


class Verifier(Protocol):
    """What can tell whether a key made a signature."""

    @property
    def key(self) -> PublicKey:
        """Name the key."""

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check the signature (without the key id) of a text; raises SignatureWrong."""


class Signer(Protocol):
    """What can sign a text."""

    @property
    def key(self) -> PublicKey:
        """Name the key by which the signature is checked."""

    def sign(self, text: bytes) -> bytes:
        """Give the signature, without the key id."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A verifier key: `str()` gives its text form (a vkey), `parse` reads it."""

    name: str
    kind: int  # signature type
    material: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise KeyMalformed("a key name is not empty and holds neither spaces nor plus signs")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a vkey.

        Raises: KeyMalformed, KeyTypeUnknown, KeyIdWrong.
        """
        name, _, rest = vkey.partition("+")
        key_id, kind, material = _parts(rest)
        key = cls(name, kind, material)
        if kind not in KEY_BYTES:
            raise KeyTypeUnknown(f"the signature type {kind:#04x} of {name} is not known here")
        if len(material) != KEY_BYTES[kind]:
            raise KeyMalformed(f"a key of type {kind:#04x} has {KEY_BYTES[kind]} bytes, not {len(material)}")
        _check_id(key, key_id)
        return key

    @property
    def id(self) -> bytes:
        """Give the four bytes that name this key in signatures, beside its name."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.material).digest()[:4]

    def __str__(self) -> str:
        """Give the vkey: `<name>+<id in hex>+<base64 of type and key>`."""
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.kind]) + self.material)}"


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """Checks plain Ed25519 signatures of note texts (signature type 0x01)."""

    key: PublicKey

    def __post_init__(self) -> None:
        if self.key.kind != ED25519:
            raise KeyTypeUnknown(f"{self.key.name} is of type {self.key.kind:#04x}, not of a plain Ed25519 key")

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check the signature of a text; raises SignatureWrong."""
        verify_ed25519(self.key, text, signature)


class Ed25519Signer:
    """Signs note texts by Ed25519 (signature type 0x01); `skey()` gives its secret text form."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        """Take up a private key under a name; raises KeyMalformed for a name that notes cannot hold."""
        self._private = private
        self.key = PublicKey(name, ED25519, private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> Self:
        """Make a new key."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, skey: str) -> Self:
        """Read the secret text form.

        Raises: KeyMalformed, KeyTypeUnknown, KeyIdWrong.
        """
        private, word, name, rest = ([*skey.split("+", 3), "", "", ""])[:4]
        if (private, word) != ("PRIVATE", "KEY"):
            raise KeyMalformed("a signer key begins with PRIVATE+KEY+")
        key_id, kind, seed = _parts(rest)
        if kind != ED25519:
            raise KeyTypeUnknown(f"the signature type {kind:#04x} of a signer key is not known here")
        if len(seed) != _SEED_BYTES:
            raise KeyMalformed(f"the seed of an Ed25519 key has {_SEED_BYTES} bytes, not {len(seed)}")
        signer = cls(name, Ed25519PrivateKey.from_private_bytes(seed))
        _check_id(signer.key, key_id)
        return signer

    def skey(self) -> str:
        """Give the secret text form: `PRIVATE+KEY+<name>+<id in hex>+<base64 of type and seed>`."""
        seed = _base64(bytes([ED25519]) + self._private.private_bytes_raw())
        return f"PRIVATE+KEY+{self.key.name}+{self.key.id.hex()}+{seed}"

    def sign(self, text: bytes) -> bytes:
        """Give the signature, without the key id."""
        return self._private.sign(text)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a note: whose it says it is, and its bytes."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        """Give the line, without its newline."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.value)}"

    def is_of(self, key: PublicKey) -> bool:
        """Tell whether it names this key."""
        return (self.name, self.key_id) == (key.name, key.id)


@dataclass(frozen=True, slots=True)
class Note:
    """A text, its newline included, and its signatures: nobody has checked them yet."""

    text: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a note, without a judgment of its signatures; raises NoteMalformed."""
        content = _note_text(data)
        place = content.rfind("\n\n")
        lines = content[place + 2 :].split("\n")
        if place < 0 or lines == [""]:
            raise NoteMalformed("there are no signatures behind an empty line")
        if lines.pop() != "":
            raise NoteMalformed("the last line does not end in a newline")
        if len(lines) > MAX_SIGNATURES:
            raise NoteMalformed(f"there are {len(lines)} signatures; at most {MAX_SIGNATURES} are read")
        return cls(content[: place + 1].encode(), tuple(signature(line) for line in lines))

    def __bytes__(self) -> bytes:
        """Give the note as it is sent."""
        return self.text + b"\n" + "".join(f"{one}\n" for one in self.signatures).encode()

    def verified(self, verifiers: Iterable[Verifier]) -> tuple[Signature, ...]:
        """Give the signatures by known keys, each once; those of unknown keys are ignored.

        Raises: NotSigned, where there is none; SignatureWrong, where a known key did not make one; KeyAmbiguous.
        """
        known = _by_name_and_id(verifiers)
        held: dict[Signature, None] = {}
        for one in self.signatures:
            verifier = known.get((one.name, one.key_id))
            if verifier is not None and one not in held:
                verifier.verify(self.text, one.value)
                held[one] = None
        if not held:
            raise NotSigned("no signature of the note is of a known key")
        return tuple(held)


def sign(text: bytes, *signers: Signer, beside: Iterable[Signature] = ()) -> bytes:
    """Give a note of the text with the signatures that it has already, and with new ones behind them.

    Raises: NoteMalformed, for a text that no note can hold.
    """
    if not text.endswith(b"\n"):
        raise NoteMalformed("the text of a note ends in a newline")
    _note_text(text)
    kept = [one for one in beside if not any(one.is_of(signer.key) for signer in signers)]
    made = [Signature(signer.key.name, signer.key.id, signer.sign(text)) for signer in signers]
    return bytes(Note(text, (*kept, *made)))


def signature(line: str) -> Signature:
    """Read one line of a signature, without its newline; raises NoteMalformed."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_key_name(name):
        raise NoteMalformed("a line of a signature is an em dash, a key name and base64, with a space between them")
    data = decoded(encoded)
    if data is None or len(data) < 5:
        raise NoteMalformed(f"the signature of {name} is not base64 of a key id and a signature")
    return Signature(name, data[:4], data[4:])


def verify_ed25519(key: PublicKey, message: bytes, value: bytes) -> None:
    """Check an Ed25519 signature of a message; raises SignatureWrong."""
    try:
        Ed25519PublicKey.from_public_bytes(key.material).verify(value, message)
    except (InvalidSignature, ValueError):
        raise SignatureWrong(f"{key.name} did not make the signature that names it") from None


def is_key_name(name: str) -> bool:
    """Tell whether notes can hold this name of a key."""
    return bool(name) and "+" not in name and not any(one.isspace() or one < " " for one in name)


def decoded(text: str) -> bytes | None:
    """Decode base64 (RFC 4648 section 4) that has one form only; None where it is not that."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _base64(data) == text else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _parts(rest: str) -> tuple[bytes, int, bytes]:
    """Give id, type and material from `<hex>+<base64>`."""
    digits, _, encoded = rest.partition("+")
    data = decoded(encoded)
    if len(digits) != 8 or set(digits) - set("0123456789abcdef") or not data:
        raise KeyMalformed("a key is a name, eight hex digits and base64, with plus signs between them")
    return bytes.fromhex(digits), data[0], data[1:]


def _check_id(key: PublicKey, key_id: bytes) -> None:
    if key.id != key_id:
        raise KeyIdWrong(f"the key of {key.name} has the id {key.id.hex()}, not {key_id.hex()}")


def _note_text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise NoteMalformed(f"a note of {len(data):,} bytes is not read; at most {MAX_BYTES:,} are")
    try:
        content = data.decode()
    except UnicodeDecodeError:
        raise NoteMalformed("the note is not UTF-8") from None
    if any(one < " " and one != "\n" for one in content):
        raise NoteMalformed("the note holds a control character")
    return content


def _by_name_and_id(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        place = (verifier.key.name, verifier.key.id)
        if known.setdefault(place, verifier).key != verifier.key:
            raise KeyAmbiguous(f"two keys have the name {place[0]} and the id {place[1].hex()}")
    return known
