"""What a kind of problem is, and those that many errors share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its status, the last part of its type URI, and its title."""

    status: int
    slug: str
    title: str


INVALID = Kind(400, "invalid", "The request breaks the rules of its fields")
MALFORMED = Kind(400, "malformed", "The request cannot be read")
UNAVAILABLE = Kind(503, "unavailable", "A service behind this one does not answer now")
INTERNAL = Kind(500, "internal", "The service failed; nothing was changed")
