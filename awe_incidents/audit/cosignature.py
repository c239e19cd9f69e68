"""Cosignatures by C2SP tlog-cosignature: a key says at what time it saw a checkpoint as the largest consistent one.

Ed25519 (signature type 0x04) signs the whole text of the checkpoint. ML-DSA-44 (0x06), which quantum computers do not
break, signs origin, size and root, and is only used where somebody makes or names such a key.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from awe_incidents.audit.checkpoint import Checkpoint
from awe_incidents.audit.errors import CosignatureRefused, KeyTypeUnknown, SignatureWrong
from awe_incidents.audit.merkle import EMPTY_ROOT
from awe_incidents.audit.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_MLDSA44,
    ED25519,
    Ed25519Verifier,
    PublicKey,
    Verifier,
    verify_ed25519,
)

MAX_TIME = 2**63 - 1
SIGNATURE_BYTES = {COSIGNATURE_ED25519: 64, COSIGNATURE_MLDSA44: 2420}
_TIME_BYTES = 8
_LABEL = b"subtree/v1\n\0"

Clock = Callable[[], int]  # seconds since the epoch


def now() -> int:
    """Give the system's time in seconds since the epoch."""
    return int(time.time())


def verifier(key: PublicKey) -> Verifier:
    """Give what checks signatures of a key, by its type; raises KeyTypeUnknown."""
    if key.kind == ED25519:
        return Ed25519Verifier(key)
    return CosignatureVerifier(key)


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """Checks timestamped signatures of checkpoints, of both types."""

    key: PublicKey

    def __post_init__(self) -> None:
        if self.key.kind not in SIGNATURE_BYTES:
            raise KeyTypeUnknown(f"{self.key.name} is of type {self.key.kind:#04x}, not of a cosigner")

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check the timestamped signature of the text of a checkpoint.

        Raises: SignatureWrong, CosignatureRefused, CheckpointMalformed.
        """
        at, value = split(self.key, signature)
        if self.key.kind == COSIGNATURE_ED25519:
            verify_ed25519(self.key, ed25519_message(text, at=at), value)
            return
        message = mldsa44_message(Checkpoint.parse(text), cosigner=self.key.name, at=at)
        verify_mldsa44(self.key, message, value)


def split(key: PublicKey, signature: bytes) -> tuple[int, bytes]:
    """Give the time, in seconds since the epoch, and the bare signature of a timestamped one.

    Nobody has checked them yet. Raises: CosignatureRefused.
    """
    if len(signature) != _TIME_BYTES + SIGNATURE_BYTES[key.kind]:
        raise CosignatureRefused(f"the cosignature of {key.name} has {len(signature)} bytes")
    at = int.from_bytes(signature[:_TIME_BYTES])
    if at > MAX_TIME:
        raise CosignatureRefused(f"the time of the cosignature of {key.name} is beyond 2^63")
    return at, signature[_TIME_BYTES:]


class Ed25519Cosigner:
    """Signs checkpoints with the time, by Ed25519 (signature type 0x04).

    The message does not hold the name, so each cosigner needs a key of its own.
    """

    def __init__(self, name: str, private: Ed25519PrivateKey, *, clock: Clock) -> None:
        """Take up a private key under a name."""
        self._private, self._clock = private, clock
        self.key = PublicKey(name, COSIGNATURE_ED25519, private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str, *, clock: Clock) -> Self:
        """Make a new key."""
        return cls(name, Ed25519PrivateKey.generate(), clock=clock)

    def sign(self, text: bytes) -> bytes:
        """Give the timestamped signature of the text of a checkpoint; raises CheckpointMalformed."""
        Checkpoint.parse(text)
        at = _time(self._clock())
        return at.to_bytes(_TIME_BYTES) + self._private.sign(ed25519_message(text, at=at))


class Mldsa44Cosigner:
    """Signs checkpoints with the time, by ML-DSA-44 (signature type 0x06)."""

    def __init__(self, name: str, private: MLDSA44PrivateKey, *, clock: Clock) -> None:
        """Take up a private key under a name."""
        self._private, self._clock = private, clock
        self.key = PublicKey(name, COSIGNATURE_MLDSA44, private.public_key().public_bytes_raw())

    @classmethod
    def from_seed(cls, name: str, seed: bytes, *, clock: Clock) -> Self:
        """Take up the private key that 32 secret bytes make; raises CosignatureRefused where it is not supported."""
        try:
            return cls(name, MLDSA44PrivateKey.from_seed_bytes(seed), clock=clock)
        except (UnsupportedAlgorithm, ValueError) as error:
            raise CosignatureRefused(f"this seed makes no ML-DSA-44 key here: {error}") from None

    def sign(self, text: bytes) -> bytes:
        """Give the timestamped signature of the text of a checkpoint.

        Raises: CheckpointMalformed; CosignatureRefused, for extension lines, which it would not cover.
        """
        checkpoint, at = Checkpoint.parse(text), _time(self._clock())
        message = mldsa44_message(checkpoint, cosigner=self.key.name, at=at)
        return at.to_bytes(_TIME_BYTES) + self._private.sign(message)


def ed25519_message(text: bytes, *, at: int) -> bytes:
    """Give what an Ed25519 cosigner signs: a header, the time, and the text of the checkpoint."""
    return f"cosignature/v1\ntime {at}\n".encode() + text


def mldsa44_message(checkpoint: Checkpoint, *, cosigner: str, at: int) -> bytes:
    """Give what an ML-DSA-44 cosigner signs: the structure `cosigned_message`, from the first leaf to the last.

    Raises: CosignatureRefused, for extension lines, which it does not hold, and for what it cannot hold.
    """
    if checkpoint.extensions:
        raise CosignatureRefused("an ML-DSA-44 cosignature does not cover extension lines")
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise CosignatureRefused("an empty tree has another root")
    return subtree_message(
        cosigner=cosigner, at=at, origin=checkpoint.origin, start=0, end=checkpoint.size, root=checkpoint.root
    )


def subtree_message(*, cosigner: str, at: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """Give the structure `cosigned_message` for any range of leaves; raises CosignatureRefused."""
    if start and at:
        raise CosignatureRefused("a subtree that does not start at the first leaf is signed without a time")
    name, log = (_short(text) for text in (cosigner, origin))
    return _LABEL + name + struct.pack(">Q", at) + log + struct.pack(">QQ", start, end) + root


def verify_mldsa44(key: PublicKey, message: bytes, value: bytes) -> None:
    """Check an ML-DSA-44 signature of a message; raises SignatureWrong, and CosignatureRefused where it cannot."""
    try:
        MLDSA44PublicKey.from_public_bytes(key.material).verify(value, message)
    except UnsupportedAlgorithm as error:
        raise CosignatureRefused(f"ML-DSA-44 cannot be checked here: {error}") from None
    except (InvalidSignature, ValueError):
        raise SignatureWrong(f"{key.name} did not make the signature that names it") from None


def _short(text: str) -> bytes:
    data = text.encode()
    if not 1 <= len(data) <= 255:
        raise CosignatureRefused("an ML-DSA-44 cosignature holds names of 1 to 255 bytes")
    return bytes([len(data)]) + data


def _time(at: int) -> int:
    if not 0 <= at <= MAX_TIME:
        raise CosignatureRefused(f"{at} is no time in seconds since the epoch")
    return at
