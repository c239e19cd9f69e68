"""Refusals of the redaction library.

RedactionError
└── RedactionFailed   the text could not be redacted, so there is no text
"""

from __future__ import annotations


class RedactionError(Exception):
    """Base of what this library refuses."""


class RedactionFailed(RedactionError):
    """Something broke inside; the message names the kind of failure and holds nothing of the text."""

    @classmethod
    def because_of(cls, kind: str) -> RedactionFailed:
        """Name the class of the failure only: its own message could quote the text."""
        return cls(f"the text was not redacted ({kind}) and is therefore not kept; report this as a defect")
