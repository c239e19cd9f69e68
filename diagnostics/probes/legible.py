"""Texts that others chose, in a form that can be kept (pure)."""

from __future__ import annotations

import re

_ILLEGIBLE = re.compile("[\0\ud800-\udfff]")


def legible(text: str) -> str:
    """Give a text that UTF-8, JSON and PostgreSQL can hold: U+FFFD for NUL and lone surrogates."""
    return _ILLEGIBLE.sub("\ufffd", text)
