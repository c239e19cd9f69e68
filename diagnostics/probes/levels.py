"""The level of a log line, as far as it says one; lines without one (stack traces, access logs) are `other`."""

from __future__ import annotations

import re

LEVELS = ("fatal", "error", "warn", "info", "debug", "other")
WORDS = {
    "fatal": "fatal panic critical crit emergency emerg alert",
    "error": "error err severe",
    "warn": "warning warn",
    "info": "info information informational notice log success",
    "debug": "debug debug1 debug2 debug3 debug4 debug5 trace verbose",
}
LEVEL_OF = {word: level for level, words in WORDS.items() for word in words.split()}
HEAD_CHARACTERS = 300
NAMED = re.compile(r"""(?i)["']?\b(?:level|levelname|level_name|severity|loglevel|lvl)["']?\s*[=:]\s*["']?([a-z]+)""")
WORD = re.compile(r"\[\s*([A-Za-z]+)\s*\]|\b([A-Z]{3,9}[1-5]?)\b|^\s*([A-Za-z]+):")
REDIS = re.compile(r"^\d+:[A-Z] \d{1,2} \w{3} \d{4} [\d:.]+ ([.*#-]) ")  # Redis marks levels with signs
REDIS_LEVELS = {".": "debug", "-": "debug", "*": "info", "#": "warn"}


def level_of(line: str) -> str:
    """Give one of LEVELS."""
    head = line[:HEAD_CHARACTERS]
    if match := REDIS.match(head):
        return REDIS_LEVELS[match[1]]
    if (match := NAMED.search(head)) and match[1].lower() in LEVEL_OF:
        return LEVEL_OF[match[1].lower()]
    for match in WORD.finditer(head):
        word = (match[1] or match[2] or match[3]).lower()
        if word in LEVEL_OF:
            return LEVEL_OF[word]
    return "other"
