"""The address that opens a new GitHub issue with a bug report filled in, short enough for browsers and GitHub (pure).

Of a report that is too long the longest sections are cut in their middle, and only then is it rendered: so the issue
still reads as the template, with every fence closed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import asdict
from functools import lru_cache
from itertools import accumulate
from urllib.parse import quote_plus

from awe_incidents.incidents.template import TemplateFields, render

MAX_CHARACTERS = 8_000  # GitHub answers 414 to a little more; browsers take it


def issue_link(repository: str, *, title: str, report: TemplateFields, whole_at: str) -> str:
    """Give the address of a new issue in a repository; `whole_at` is where what was left out can be read."""
    start = f"{repository}/issues/new?title={_quoted(title)}&body="
    return start + _fitting(report, MAX_CHARACTERS - len(start), whole_at)


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return quote_plus(text, safe="/:,@")  # of what may stand in a query, these keep it legible


def _fitting(report: TemplateFields, room: int, whole_at: str) -> str:
    """Give the rendered report, quoted, with as much of each section as lets the whole fit."""
    if sum(map(len, asdict(report).values())) <= room and len(whole := _quoted(render(report))) <= room:
        return whole
    sections = {name: _Section(text, room) for name, text in asdict(report).items()}

    def within(limit: int) -> str:
        cut = {name: section.within(limit, whole_at) for name, section in sections.items()}
        return _quoted(render(TemplateFields(**cut)))

    most = bisect_right(range(room), room, key=lambda limit: len(within(limit)))
    return within(max(most - 1, 0))


class _Section:
    """A section's text, and how long its beginnings and its ends are once quoted."""

    def __init__(self, text: str, room: int) -> None:
        self._text = text
        self._beginnings = list(accumulate(len(_quoted(char)) for char in text[:room]))
        self._ends = list(accumulate(len(_quoted(char)) for char in reversed(text[-room:])))
        self._is_whole = len(text) <= room

    def within(self, limit: int, whole_at: str) -> str:
        """Give the text, or what of both its ends fits and where the rest stands."""
        if not self._text or (self._is_whole and self._beginnings[-1] <= limit):
            return self._text
        first, last = (bisect_right(lengths, limit // 2) for lengths in (self._beginnings, self._ends))
        end = len(self._text) - last
        note = f"[{end - first:,} characters left out; the whole report is at {whole_at}]"
        shortened = f"{self._text[:first]}\n{note}\n{self._text[end:]}"
        return shortened if len(note) < end - first or not self._is_whole else self._text
