"""Taking secrets out of texts at capture: rules, known secrets, keyed tokens, streams; a library without Django."""

from __future__ import annotations

from diagnostics.redaction.errors import RedactionError, RedactionFailed
from diagnostics.redaction.known import KnownSecret
from diagnostics.redaction.receipt import Receipt, Redacted
from diagnostics.redaction.redactor import Options, Redactor
from diagnostics.redaction.stream import Stream

__all__ = [
    "KnownSecret",
    "Options",
    "Receipt",
    "Redacted",
    "RedactionError",
    "RedactionFailed",
    "Redactor",
    "Stream",
]
