"""Probe of a worker's log for how uses of its tools ended: Celery's lines, JSON lines, and `tool=NAME` with a word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from diagnostics.probes.jobs import PLAIN_WORD, mapping
from diagnostics.probes.worker_log import Line

CELERY = re.compile(r"\bTask (?P<tool>[\w.:-]{1,64})\[[\w-]+\] (?P<word>succeeded|raised unexpected|failed)")
NAMED = re.compile(r"""\b(?:tool|tool_name|task_name)["']?\s*[=:]\s*["']?(?P<tool>[\w.:-]{1,64})""")
ATTEMPT = re.compile(r"\battempt=(\d+)/(\d+)")  # one of several; the last word on it comes later
GOOD = re.compile(r"(?i)\b(?:done|ok|succeeded|success|completed|finished)\b")
BAD = re.compile(r"(?i)\b(?:failed|failure|giving up|gave up|exception|timed out|crashed|error)\b")
TOOL_KEYS = ("tool", "tool_name", "task_name", "task")
WORD_KEYS = ("outcome", "status", "state", "result", "event", "msg", "message")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tool that came to an end."""

    tool: str
    is_good: bool
    line: Line


def uses(lines: Iterable[Line]) -> Iterator[Use]:
    """Give the uses that the lines tell of, in their order; lines that tell of none are passed over."""
    for line in lines:
        found = _from_json(line.text) if line.text.startswith("{") else _from_text(line.text)
        if found:
            yield Use(found[0], found[1], line)


def _from_text(text: str) -> tuple[str, bool] | None:
    if match := CELERY.search(text):
        return match["tool"], match["word"] == "succeeded"
    match = NAMED.search(text)
    if match is None or ATTEMPT.search(text):
        return None
    is_good = _is_good(text[: match.start()])  # what follows may be anybody's words
    return None if is_good is None else (match["tool"], is_good)


def _from_json(text: str) -> tuple[str, bool] | None:
    try:
        fields = mapping(json.loads(text))
    except (ValueError, RecursionError):
        return None
    tool = _word(fields, TOOL_KEYS)
    if not PLAIN_WORD.fullmatch(tool):
        return None
    verdicts = (_is_good(str(fields[key])[:200]) for key in WORD_KEYS if isinstance(fields.get(key), str))
    is_good = next((one for one in verdicts if one is not None), None)
    return None if is_good is None else (tool, is_good)


def _word(fields: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return next((str(fields[key]) for key in keys if isinstance(fields.get(key), str)), "")


def _is_good(words: str) -> bool | None:
    if BAD.search(words):
        return False
    return True if GOOD.search(words) else None
