"""Refusals of diagnostics.

DiagnosticsError
├── UnknownStack     no stack has this name
├── UnknownSuite     no suite has this name
├── SecretNotStorable  no secret of a stack may be stored under this name
├── SecretUnreadable   what is stored encrypted of a stack fits none of the configured keys
├── InspectionFailed   a defect while a token was inspected
├── DescriptionOutdated  the stored description of a stack breaks this version's schema
└── AlreadyClaimed   another worker was first; harmless
"""

from __future__ import annotations


class DiagnosticsError(Exception):
    """Base of what diagnostics refuse."""


class UnknownStack(DiagnosticsError):
    """The message names the stacks that there are."""


class UnknownSuite(DiagnosticsError):
    """The message names the suites that there are."""


class SecretNotStorable(DiagnosticsError):
    """The message says which form a name has."""


class SecretUnreadable(DiagnosticsError):
    """The message names the stack and the secret, and says how to make it readable; it never holds a value."""


class DescriptionOutdated(DiagnosticsError):
    """The message names the stack and what is wrong in its description, and says how to apply it again."""


class InspectionFailed(DiagnosticsError):
    """The message names the kind of failure and holds nothing of the token."""


class AlreadyClaimed(DiagnosticsError):
    """The row was taken by another worker, or is done."""
