"""Templates: what lines have in common once times, ids, numbers, quotations, paths and addresses are masked."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MAX_CHARACTERS = 1000  # of a line that are looked at
MAX_JSON_CHARACTERS = 8192
MAX_TEMPLATES = 2000  # kept at once, so that a hostile log cannot make them grow
DIGEST_BYTES = 6
TELLING_FIELDS = ("level", "severity", "logger", "event", "msg", "message", "error", "exc", "exception", "detail")

MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?"
ZONE = r"(?:Z\b| ?[+-]\d{2}:?\d{2}\b| UTC\b)?"
# The first that fits wins at each place, so what contains others comes first. Quantifiers are bounded: a line of quotes
# alone must not cost the square of its length.
MASKS = {
    "secret": r"\[REDACTED:[^\]\n]{1,100}\]|\[redacted[^\]\n]{0,100}\]",
    "time": rf"\b\d{{4}}[-/]\d{{2}}[-/]\d{{2}}(?:[T ]{CLOCK}{ZONE})?"
    rf"|\b\d{{1,2}}[ /](?:{MONTHS})[ /]\d{{4}}[ :]{CLOCK}{ZONE}"
    rf"|\b(?:{MONTHS}) {{1,2}}\d{{1,2}} {CLOCK}|\b{CLOCK}{ZONE}",
    "url": r"\b[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>]{1,500}",
    "text": r"\"(?:[^\"\\\n]|\\.){0,300}\"|(?<!\w)'[^'\n]{0,300}'(?!\w)",
    "id": r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\b0x[0-9a-fA-F]{1,64}\b"
    r"|\b(?=[a-fA-F]{0,64}\d)(?=\d{0,64}[a-fA-F])[0-9a-fA-F]{7,128}\b",
    "address": r"\b\d{1,3}(?:\.\d{1,3}){3}\b(?:[:/]\d{1,5}\b)?"
    r"|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){1,7}(?::[0-9a-fA-F]{1,4}){1,7}(?![\w:])|(?<![\w:])::1(?![\w:])",
    "path": r"(?<![\w<.])/[\w.@%+~-]{1,200}(?:/[\w.@%+~-]{0,200}){0,40}",
    "number": r"(?<![A-Za-z_])\d+(?:[.,:]\d+)*|\d{4,}",
}
MASK = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in MASKS.items()))
SPACE = re.compile(r"\s+")

Place = TypeVar("Place")


def template_of(line: str) -> str:
    """Give a line with everything masked that differs from one time to the next.

    Of a line that holds a JSON object, only the fields that tell what happened count.
    """
    text = SPACE.sub(" ", _telling(line)[:MAX_CHARACTERS]).strip()
    return MASK.sub(lambda match: f"<{match.lastgroup}>", text)


def digest_of(template: str) -> str:
    """Give a short name of a template that stays the same in every process and release."""
    return hashlib.blake2b(template.encode("utf-8", "replace"), digest_size=DIGEST_BYTES).hexdigest()


def _telling(line: str) -> str:
    start = line.find("{", 0, MAX_CHARACTERS)
    if start < 0 or not line.endswith("}") or len(line) > MAX_JSON_CHARACTERS:
        return line
    try:
        record = json.loads(line[start:])
    except (ValueError, RecursionError):
        return line
    told = [f"{name}={record[name]}" for name in TELLING_FIELDS if isinstance(record.get(name), str)]
    return f"{line[:start]}{' '.join(told)}" if told else line


@dataclass(slots=True)
class Cluster(Generic[Place]):
    """Lines of one template: how many, and where the first of them stands."""

    template: str
    first: Place
    count: int = 0


@dataclass(slots=True)
class Clusters(Generic[Place]):
    """Lines by template; the memory is bounded, and what no longer fits is counted only."""

    most: int = MAX_TEMPLATES
    by_digest: dict[str, Cluster[Place]] = field(default_factory=dict)
    uncounted: int = 0  # lines of further templates

    def add(self, line: str, place: Place) -> None:
        """Count a line that stands at a place."""
        template = template_of(line)
        digest = digest_of(template)
        cluster = self.by_digest.get(digest)
        if cluster is None:
            if len(self.by_digest) >= self.most:
                self.uncounted += 1
                return
            cluster = self.by_digest[digest] = Cluster(template, place)
        cluster.count += 1

    def frequent(self) -> list[tuple[str, Cluster[Place]]]:
        """Give digests and clusters, the most frequent first."""
        return sorted(self.by_digest.items(), key=lambda pair: (-pair[1].count, pair[0]))
