"""Facts: label and value pairs at the head of a page, and links to other rows (pure but for addresses)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.db import models
from django.urls import reverse


class Fact(NamedTuple):
    """One line of a page's head; a `label` value is shown in the color of its kind, a note in small print beside it."""

    name: str
    value: Any
    href: str = ""
    is_label: bool = False
    note: str = ""


def address(thing: models.Model | type[models.Model], pk: Any = None, part: str = "change") -> str:
    """Give the desk's address of a row; by class and key where the row itself is not loaded."""
    name = f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{part}"
    return reverse(name, args=[pk if pk is not None else thing.pk])


def list_address(model: type[models.Model], query: str = "") -> str:
    """Give the desk's address of a list, filtered."""
    found = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{found}?{query}" if query else found


def flattened(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Give a description as dotted keys and values."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from flattened(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        for index, inner in enumerate(value):
            yield from flattened(inner, f"{key}[{index}]")
    elif isinstance(value, list):
        yield key, ", ".join(str(inner) for inner in value)
    else:
        yield key, str(value)
