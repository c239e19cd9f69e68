"""Refusals of the API itself.

ApiError
├── KeyReused       the Idempotency-Key was used with another request
├── KeyInProgress   the first request with this key is not done yet
└── KeyMalformed    the key is empty, too long or not plain text
"""

from __future__ import annotations


class ApiError(Exception):
    """Base of what the API itself refuses."""


class KeyReused(ApiError):
    """Another request came under the same key."""


class KeyInProgress(ApiError):
    """The same request is being carried out right now."""


class KeyMalformed(ApiError):
    """The header does not hold a usable key."""
