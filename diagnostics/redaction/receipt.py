"""What a caller gets back: the redacted text and the receipt for what was taken out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which rule set ran and how often each rule took something out; never what it took."""

    rule_set_version: str
    counts: Mapping[str, int] = field(default_factory=dict)
    dropped_bytes: int = 0

    def as_json(self) -> str:
        """Give one canonical line: sorted keys, no spaces."""
        fields = {
            "rule_set_version": self.rule_set_version,
            "counts": dict(self.counts),
            "dropped_bytes": self.dropped_bytes,
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, as many lines long as it was before."""

    text: str
    receipt: Receipt
