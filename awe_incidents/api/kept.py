"""Serializers that each thread keeps: making one copies every field that it declares.

That was a fifth of what filing a report cost the processor (profiled; `make bench ARGS=filing` shows the whole).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rest_framework.serializers import Serializer

NOTHING: Mapping[str, Any] = {}
_LEFTOVERS = ("initial_data", "_validated_data", "_errors")  # what the framework leaves in one that has read something


class _Kept(threading.local):
    """One serializer of a kind at most, while it is not in use."""

    def __init__(self) -> None:
        self.by_kind: dict[type[Serializer[Any]], Serializer[Any]] = {}


_kept = _Kept()


def represent(kind: type[Serializer[Any]], thing: Any, *, context: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """Give one thing as the API shows it."""
    with _lent(kind, context) as serializer:
        return dict(serializer.to_representation(thing))


def represent_all(kind: type[Serializer[Any]], things: Any, *, context: Mapping[str, Any] = NOTHING) -> list[Any]:
    """Give several things as the API shows them."""
    with _lent(kind, context) as serializer:
        return [dict(serializer.to_representation(thing)) for thing in things]


def validated(kind: type[Serializer[Any]], data: Any, *, context: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """Give what a request says, checked.

    Raises: ValidationError.
    """
    with _lent(kind, context) as serializer:
        serializer.initial_data = data
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


@contextmanager
def _lent(kind: type[Serializer[Any]], context: Mapping[str, Any]) -> Iterator[Serializer[Any]]:
    serializer = _kept.by_kind.pop(kind, None) or kind()
    serializer._context = context
    try:
        yield serializer
    finally:
        serializer._context = NOTHING
        for name in _LEFTOVERS:
            serializer.__dict__.pop(name, None)
        _kept.by_kind[kind] = serializer
