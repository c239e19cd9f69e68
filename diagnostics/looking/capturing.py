"""What a capture asks for, what it gives, and its surroundings, in which every text goes through the redactor."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from diagnostics.checks.surroundings import Surroundings
from diagnostics.probes.legible import legible
from diagnostics.redaction import Redactor
from diagnostics.stack import StackConfig

ENGINE_SECONDS = 6.0
MAX_TEXT_BYTES = 64_000  # of one field: a report is read by people


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """Everything that a capture needs; crosses the process boundary, never the broker."""

    name: str  # of the field
    stack: StackConfig
    until: datetime  # the end of the window: when the report was filed
    redaction_key: bytes = field(repr=False)
    stored_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What was captured of one field: its text, redacted, or why there is none."""

    captured_at: datetime
    source: str
    text: str = ""
    reason: str = ""
    rule_set_version: str = ""
    redactions: Mapping[str, int] = field(default_factory=dict)
    dropped_bytes: int = 0


class NothingToCapture(Exception):
    """There is nothing to be had; the message says why."""


@dataclass(slots=True)
class Capturing:
    """One capture's surroundings; every text goes through the redactor."""

    request: CaptureRequest
    redactor: Redactor
    source: str
    rule_set_version: str = ""
    redactions: Counter[str] = field(default_factory=Counter)
    dropped_bytes: int = 0

    @property
    def stack(self) -> StackConfig:
        """Give the stack that knows."""
        return self.request.stack

    @contextlib.contextmanager
    def places(self) -> Iterator[Surroundings]:
        """Open the places of the stack's containers."""
        ends_at = time.monotonic() + ENGINE_SECONDS
        surroundings = Surroundings(self.stack, lambda: max(ends_at - time.monotonic(), 0.1))
        with contextlib.closing(surroundings):
            yield surroundings

    def clean(self, text: str) -> str:
        """Redact a text and count what was taken out."""
        redacted = self.redactor.text(text)
        self.rule_set_version = redacted.receipt.rule_set_version
        self.redactions.update(redacted.receipt.counts)
        return legible(redacted.text)
