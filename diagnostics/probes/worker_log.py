"""Probe of a worker's log: which of its lines say that it started, ended badly, lost a child, or refused a task.

The forms are those of Celery 5, RQ and of workers that write a line for what they do; what is not known stays unsaid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from diagnostics.probes.logs import Excerpt, take_excerpt
from diagnostics.probes.timestamps import stamp_of

HEAD_CHARACTERS = 400  # of a line are looked at
LINES_BEFORE_A_START = 3


class Kind(StrEnum):
    """What a line of a worker's log says."""

    STARTED = "started"
    CRASHED = "crashed"  # the last words before a start, or before the end
    LOST = "lost a child"
    TIME_LIMIT = "killed a task at its time limit"
    UNKNOWN = "refused an unknown task"
    DONE = "did a task"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the file, its text, and its stamp where it bears one."""

    number: int
    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Noted:
    """A line that says something, and the task that it names."""

    kind: Kind
    line: Line
    task: str = ""


NAME = r"(?P<task>[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99})"
FORMS: tuple[tuple[Kind, str], ...] = (
    (Kind.UNKNOWN, rf"Received unregistered task of type '?{NAME}'?"),
    (Kind.UNKNOWN, rf"(?i)\b(?:unknown|unregistered|no such|unsupported) (?:tool|task|job type|job)\b\W{{0,4}}{NAME}"),
    (Kind.TIME_LIMIT, rf"Hard time limit \([\d.]+s\) exceeded for {NAME}\["),
    (Kind.LOST, r"Task handler raised error: .{0,40}WorkerLostError|Work-horse (?:process )?(?:was )?terminated unexp"),
    (Kind.DONE, r"(?i)\b(?:job|task)\b.{0,90}\b(?:done|succeeded|completed|finished)\b"),
    (Kind.STARTED, r"(?i)\bworker(?: \S+)? (?:has |is )?(?:started|starting|booted|ready|online)\b|\S@\S+ ready\."),
)
COMPILED = tuple((kind, re.compile(form)) for kind, form in FORMS)
LAST_WORDS = re.compile(
    r"(?:[a-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Fault|Failure)\b(?::|$)|"
    r"(?i:segmentation fault|killed\b|fatal(?: error)?:|panic:|aborted\b|out of memory|bus error)"
)
BEGUN = re.compile(r"(?i)\b(?:start(?:ed|ing)?|begin|began|begun|received|running|processing|picked)\b")
ENDED = re.compile(r"(?i)\b(?:done|succeeded|success|finished|completed|failed|giving up|rejected|retry)\b")


def read_lines(path: Path, *, since: datetime, max_bytes: int) -> list[Line]:
    """Give the lines of a log since a moment, the middle left out where they are many.

    Raises: FileUnusable, NotPermitted.
    """
    return list(_lines(take_excerpt(path, since=since, max_bytes=max_bytes)))


def _lines(excerpt: Excerpt) -> Iterator[Line]:
    if excerpt.is_silent:  # these lines are older than was asked for
        return
    for piece in excerpt.pieces:
        for number, text in enumerate(piece.text.split("\n"), start=piece.first_line):
            stamp = stamp_of(text[:100].encode())
            yield Line(number, text[:HEAD_CHARACTERS], stamp.at if stamp else None)


def noted(lines: Sequence[Line], *, has_ended: bool) -> list[Noted]:
    """Give what the lines say, in their order; `has_ended`: the worker does not run any more."""
    found: list[Noted] = []
    has_started = False
    for index, line in enumerate(lines):
        one = _noted(line)
        if one is None:
            continue
        if one.kind is Kind.STARTED:
            found += _crash_before(lines, index)
            has_started = True
        found.append(one)
    if has_ended and has_started:
        found += _crash_before(lines, len(lines))
    return found


def _noted(line: Line) -> Noted | None:
    for kind, form in COMPILED:
        if match := form.search(line.text):
            return Noted(kind, line, match["task"] if "task" in form.groupindex else "")
    return None


def _crash_before(lines: Sequence[Line], index: int) -> list[Noted]:
    """Give the last words of a worker that ended before this line, if it ended badly."""
    before = [line for line in lines[max(index - LINES_BEFORE_A_START, 0) : index] if line.text.strip()]
    words = next((line for line in reversed(before) if LAST_WORDS.match(line.text)), None)
    return [Noted(Kind.CRASHED, words)] if words else []


def begun(lines: Sequence[Line], job: str) -> list[Line]:
    """Give the lines in which a job is begun, since it was last said to have ended."""
    found: list[Line] = []
    for line in lines:
        if job not in line.text:
            continue
        if ENDED.search(line.text):
            found = []
        elif BEGUN.search(line.text):
            found.append(line)
    return found
