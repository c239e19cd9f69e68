"""Ids of events: UUIDs of version 7 (RFC 9562, 5.7), which begin with the time and else are random.

What is written together then lies together in the index: with random ids each entry of a large trail touches a page of
its own. (Python has them from 3.14 on.)
"""

from __future__ import annotations

import os
import time
from uuid import UUID

RANDOM_BYTES = 10
_VERSION, _VARIANT = 0x7000 << 64, 0b10 << 62
_RANDOM = (0x0FFF << 64) | ((1 << 62) - 1)  # all bits but the time, the version and the variant


def new_event_id() -> UUID:
    """Give an id that nobody else gives."""
    return event_id_of(time.time_ns() // 1_000_000, os.urandom(RANDOM_BYTES))


def event_id_of(milliseconds: int, noise: bytes) -> UUID:
    """Make the id of a time, in milliseconds since 1970, and ten random bytes."""
    return UUID(int=milliseconds << 80 | _VERSION | _VARIANT | int.from_bytes(noise) & _RANDOM)
