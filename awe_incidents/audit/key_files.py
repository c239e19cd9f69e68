"""Private keys in files of mode 0600 (PKCS#8 in PEM, as openssl reads it), made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from awe_incidents.audit.durable import write_durably
from awe_incidents.audit.errors import LogKeyUnusable

_OTHERS = 0o077


def open_ed25519(path: Path, *, passphrase: str, may_make: bool) -> Ed25519PrivateKey:
    """Read a key; make it where there is none and nothing was signed with it yet; raises LogKeyUnusable."""
    private = _open(path, Ed25519PrivateKey.generate, passphrase=passphrase, may_make=may_make)
    if not isinstance(private, Ed25519PrivateKey):
        raise LogKeyUnusable(f"{path} is no Ed25519 key")
    return private


def open_mldsa44(path: Path, *, passphrase: str, may_make: bool) -> MLDSA44PrivateKey:
    """Read a key; make it where there is none and nothing was signed with it yet; raises LogKeyUnusable."""
    private = _open(path, MLDSA44PrivateKey.generate, passphrase=passphrase, may_make=may_make)
    if not isinstance(private, MLDSA44PrivateKey):
        raise LogKeyUnusable(f"{path} is no ML-DSA-44 key")
    return private


def _open(
    path: Path, generate: Callable[[], Ed25519PrivateKey | MLDSA44PrivateKey], *, passphrase: str, may_make: bool
) -> PrivateKeyTypes:
    try:
        if not path.exists() and may_make:
            encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
            write_durably(path, generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption), mode=0o600)
        if path.stat().st_mode & _OTHERS:
            raise LogKeyUnusable(f"others can read {path}; set its mode to 0600, and think of a new key")
        return load_pem_private_key(path.read_bytes(), passphrase.encode() or None)
    except FileNotFoundError:
        raise LogKeyUnusable(f"{path} is gone, and it has signed; restore it from a backup") from None
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm):
        raise LogKeyUnusable(f"{path} cannot be read or made; is the passphrase right?") from None
