"""What keeps a check from looking. Each becomes the result `error` with its code, never `fail`.

CouldNotLook
├── DeadlineReached   our own time was up where not answering is not itself the finding
├── NotPermitted      the worker may not read what it must
└── HandoverMissing   a value that an earlier check of the run gives is not there
"""

from __future__ import annotations


class CouldNotLook(Exception):
    """Base: the probe could not run; `code` is the stable reason, the text says what to do."""

    code = "could_not_look"

    def __init__(self, message: str, *, code: str | None = None, target: str = "") -> None:
        super().__init__(message)
        self.code = code or self.code
        self.target = target


class DeadlineReached(CouldNotLook):
    """Our own deadline passed before the target gave an answer."""

    code = "deadline"


class NotPermitted(CouldNotLook):
    """The process that looks has no right to."""

    code = "not_permitted"


class HandoverMissing(CouldNotLook):
    """An earlier check of the run did not hand over what this one needs."""

    code = "handover_missing"
