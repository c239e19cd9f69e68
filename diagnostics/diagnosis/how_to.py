"""What people read about a cause, and finding causes by plain words (pure)."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache

from diagnostics.checks.result import State
from diagnostics.diagnosis import causes
from diagnostics.diagnosis.catalog import all_causes
from diagnostics.diagnosis.cause import ANY, Cause, Sign

EDGES = ".,;:!?()[]\"'`"  # beside a word, not of it


def explanation_of(cause: Cause) -> str:
    """Give what a cause is: the words that open its module."""
    return inspect.getdoc(importlib.import_module(f"{causes.__name__}.{cause.slug}")) or ""


def said_of_any(cause: Cause) -> str:
    """Give the sentence of a diagnosis, of no service in particular."""
    return cause.sentence.format(subject="SERVICE")


def states_of(sign: Sign) -> str:
    """Give in words which states a sign takes, and whether it takes all findings of them."""
    states = "any" if sign.states == ANY else " or ".join(state for state in State if state in sign.states)
    return f"{states}, in part" if sign.where else states


def causes_with(text: str) -> list[Cause]:
    """Give the causes in which every word of a text occurs, also as the start of a longer one; all for no words.

    Those that have them all in their title come first, then it goes by title.
    """
    words = [word for word in (one.strip(EDGES) for one in text.casefold().split()) if word]
    found = [cause for cause in all_causes().values() if _has(words, _told(cause.slug))]
    return sorted(found, key=lambda cause: (not _has(words, cause.title.casefold()), cause.title))


def _has(words: list[str], told: str) -> bool:
    return all(re.search(rf"(?<![^\W_]){re.escape(word)}", told) for word in words)


@cache
def _told(slug: str) -> str:
    cause = all_causes()[slug]
    codes = (sign.code for sign in cause.signs)
    told = (slug, cause.title, cause.category, said_of_any(cause), explanation_of(cause), *cause.remedy, *codes)
    return "\n".join(told).casefold()
