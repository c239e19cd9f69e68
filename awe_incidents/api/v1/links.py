"""Addresses of things in answers."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request

MARK = 900_000_000_000_000_000  # in no path of ours


def link(request: Request, view: str, /, **kwargs: Any) -> str:
    """Give the absolute address of a view of this API; `kwargs` are ids, or names that need no quoting."""
    return str(request.build_absolute_uri(_path(view, tuple(kwargs)).format(**kwargs)))


@cache
def _path(view: str, names: tuple[str, ...]) -> str:
    """Give the path of a view with its parts as `{name}`; an answer has many, and asking the resolver adds up."""
    marks = {name: UUID(int=MARK + at) if name == "event_id" else MARK + at for at, name in enumerate(names)}
    path = reverse(f"api:{view}", kwargs=marks)
    for name, mark in marks.items():
        path = path.replace(str(mark), f"{{{name}}}")
    return path
