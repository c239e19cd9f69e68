"""Signs by which a section's text is weak, in time linear in its length (pure)."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

from awe_incidents.incidents.template_reader import is_placeholder
from diagnostics.probes.levels import level_of
from diagnostics.probes.timestamps import stamp_of

SHORT = 8  # letters and digits; less says nothing that somebody else could act on
WIDE = 3  # a letter of a script without small words (Chinese, Japanese, Korean) says as much as three
_MANY_LINES = 2_000  # of a log are looked at: whoever pasted more has pasted a line of a log by then
_MANY_LETTERS = 200

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NO_ANSWER = re.compile(
    "n a|na|none|nil|null|nothing|no|not applicable|unknown|not known|not sure|todo|tbd|tba|xxx|see above|see below"
    "|same|as above|dunno|no idea|idk|i don t know|don t know|test|asdf|no response"
)
_VAGUE = re.compile(
    r"(?:(?:it|this|that|the|everything|nothing|something|app|application|system|server|site|page|stack|service|awe|api"
    r"|please|help|fix|simply|just|still|again|completely|totally|is|are|was|has|gets|got|seems|not|now|does|doesn t"
    r"|don t|do|did|didn t|is|isn t|won t|can t|cannot|work|works|working|worked|broken|broke|fails|fail|failed|failing"
    r"|failure|error|errors|an|a|crash|crashed|crashes|wrong|down|bug|problem|issue|issues|going|goes|happens|bad)(?:\s|$))+"
)
_VERSION = re.compile(r"(?<![\d.])v?\d{1,3}\.\d{1,4}(?:\.\d{1,4})?(?![\d.]*\d)", re.IGNORECASE)
_ENGINE = re.compile(r"\bdocker\s+version\b|\bdocker\s+engine\b", re.IGNORECASE)
_COMPOSE = re.compile(r"compose", re.IGNORECASE)
_INLINE_ITEM = re.compile(r"(?:^|\s)\(?\d{1,2}[.)]\s*(?=\D)")
_FOLLOWS = re.compile(r"->|=>|\u2192|\bthen\b|\bafter that\b|\bafterwards\b|;\s", re.IGNORECASE)
_LOG = re.compile(
    r"""
      ^\s*[\w.-]{1,80}\s*\|\s*\S                                  # service | text, as Compose writes it
    | ^\s*Traceback\s\(most\ recent | ^\s+File\s".{1,300}",\ line\ \d | ^\s+at\s[\w$.<>]{1,200}[ (]  # stack traces
    | ^goroutine\s\d+\s\[ | ^(?:\w+\.)*\w*(?:Error|Exception)\b:?  # and their ends
    | ^[IWEF]\d{4}\s\d\d:\d\d:\d\d                                  # klog
    | ^\s*\{.{0,400}"(?:level|lvl|severity|msg|message|event|time|ts|timestamp)"\s*:  # JSON lines
    | \[?\b\d\d:\d\d:\d\d\b[\].,\s]                                 # a time of day alone
    | \bexited\ with\ code\s\d                                      # what Compose says itself
    | "(?:GET|POST|PUT|PATCH|DELETE|HEAD)\s\S{1,500}\sHTTP/         # access logs
    """,
    re.VERBOSE,
)


def emptiness(name: str, text: str) -> str:
    """Say in which way a section says nothing: missing, only_comments, placeholder or no_answer; "" if it does not."""
    if not text.strip():
        return "missing"
    shown = _COMMENT.sub("", text).strip() if "<!--" in text else text.strip()
    if not shown:
        return "only_comments"
    if len(shown) > _MANY_LETTERS:
        return ""
    if all(is_placeholder(name, line) for line in shown.splitlines() if line.strip()):
        return "placeholder"
    words = _words(shown)
    return "no_answer" if not words or _NO_ANSWER.fullmatch(words) else ""


def size_of(text: str) -> int:
    """Count letters and digits, no further than matters."""
    letters = [char for char in text[: 4 * _MANY_LETTERS] if char.isalnum()]
    return sum(WIDE if unicodedata.east_asian_width(char) in "WF" else 1 for char in letters)


def is_vague(text: str) -> bool:
    """Tell whether a text says that something is wrong, in words that fit everything."""
    return len(text) <= _MANY_LETTERS and _VAGUE.fullmatch(_words(text)) is not None


def has_version(text: str) -> bool:
    """Tell whether there is a number such as 2.30 or v2.24.5."""
    return _VERSION.search(text) is not None


def is_engine_version(text: str) -> bool:
    """Tell whether it is what `docker version` says, not what `docker compose version` does."""
    return _ENGINE.search(text) is not None and _COMPOSE.search(text) is None


def has_steps(text: str) -> bool:
    """Tell whether steps can be told apart: lines, numbers in a line, or words of order."""
    has_lines = sum(1 for line in text.splitlines() if line.strip()) > 1
    return has_lines or len(_INLINE_ITEM.findall(text)) > 1 or _FOLLOWS.search(text) is not None


def has_log_line(text: str) -> bool:
    """Tell whether any line looks like a log's."""
    lines = (line for line in text.split("\n") if line.strip())
    return any(_is_log_line(line) for line in islice(lines, _MANY_LINES))


def _is_log_line(line: str) -> bool:
    head = line[:600]
    return bool(_LOG.search(head)) or stamp_of(head.encode()) is not None or level_of(head) != "other"


def _words(text: str) -> str:
    return " ".join("".join(char if char.isalnum() else " " for char in text.casefold()).split())
