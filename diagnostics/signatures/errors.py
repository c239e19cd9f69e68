"""Refusals of signatures.

SignatureError
    CatalogInvalid      a catalogue file is not as it must be; names file, signature and field
    UnknownSignature    no signature has this id
"""

from __future__ import annotations


class SignatureError(Exception):
    """Base of what signatures refuse."""


class CatalogInvalid(SignatureError):
    """A catalogue file cannot be used; the message says where and why."""


class UnknownSignature(SignatureError, LookupError):
    """No signature has this id."""
