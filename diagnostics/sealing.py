"""Encryption at rest of small secrets: Fernet with rotation (the first key encrypts, all decrypt)."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SealBroken(Exception):
    """A stored secret was encrypted with a key that is no longer configured, or was changed."""


def seal(value: bytes) -> bytes:
    """Encrypt with the first configured key."""
    return _fernet(tuple(settings.AWE_ENCRYPTION_KEYS)).encrypt(value)


def unseal(ciphertext: bytes | memoryview) -> bytes:
    """Decrypt with whichever configured key fits.

    Raises: SealBroken.
    """
    try:
        return _fernet(tuple(settings.AWE_ENCRYPTION_KEYS)).decrypt(bytes(ciphertext))
    except InvalidToken:
        raise SealBroken("a stored secret fits none of AWE_ENCRYPTION_KEYS; add the key it was stored under") from None


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_key_bytes(key)) for key in keys])


def _key_bytes(key: str) -> bytes:
    """Take a Fernet key as it is; of any other text (development) take its SHA-256."""
    try:
        if len(base64.urlsafe_b64decode(key)) == 32:
            return key.encode()
    except ValueError:
        pass
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())
