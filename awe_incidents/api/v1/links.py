"""Addresses of things in answers."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.reverse import reverse


def link(request: Request, view: str, /, **kwargs: Any) -> str:
    """Give the absolute address of a view of this API."""
    return str(reverse(f"api:{view}", kwargs=kwargs, request=request))
