"""Taking in the bodies of requests on the event loop: a slow one costs memory, within bounds, and no thread.

What is refused is told when somebody reads the body, so that a request that needs none of it, or that nobody may make,
gets its own answer first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass
from io import BytesIO


class BodyRefused(OSError):
    """A body that was not taken in whole; the framework tells errors of reading by OSError."""


class BodyTooSlow(BodyRefused):
    """It came more slowly than a body may."""


class BodyCutOff(BodyRefused):
    """It ended before its declared length."""


class BodyTooLong(BodyRefused):
    """It is longer than any body that is taken here."""


class NoRoomForBody(BodyRefused):
    """Too many bodies are being taken in, or too much of them."""


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """How slow and how large bodies may be, each and together; of one process."""

    grace_seconds: float = 15.0  # beyond what the rate allows
    least_bytes_per_second: float = 8_000
    longest_bytes: int = 40_000_000
    strangers_bytes: int = 65_536  # of a request that brings neither a token nor a session
    open_bytes: int = 256_000_000  # of all bodies that are not there yet
    open_bodies: int = 500


class Intake:
    """The bodies that come to one process; used on one event loop only."""

    def __init__(self, limits: IntakeLimits) -> None:
        self.limits = limits
        self._open_bytes = 0
        self._open_bodies = 0

    async def take(
        self, pieces: AsyncIterable[bytes], *, length: int | None, is_stranger: bool
    ) -> BytesIO | RefusedBody:
        """Give a body as a stream, or a stream that tells why there is none; `length` is what its head declares."""
        try:
            return BytesIO(await self._whole(pieces, length=length, is_stranger=is_stranger))
        except BodyRefused as refusal:
            return RefusedBody(refusal)

    async def _whole(self, pieces: AsyncIterable[bytes], *, length: int | None, is_stranger: bool) -> bytes:
        longest = self.limits.strangers_bytes if is_stranger else self.limits.longest_bytes
        if length is not None and length > longest:
            raise BodyTooLong(f"the body has {length:,} bytes; at most {longest:,} are taken here")
        if self._open_bodies >= self.limits.open_bodies:
            raise NoRoomForBody("too many bodies are on their way here; try again")
        body = bytearray()
        self._open_bodies += 1
        try:
            await self._fill(body, pieces, longest)
        finally:
            self._open_bodies -= 1
            self._open_bytes -= len(body)
        if length is not None and len(body) < length:
            raise BodyCutOff(f"the body ended after {len(body):,} of {length:,} bytes")
        return bytes(body)

    async def _fill(self, body: bytearray, pieces: AsyncIterable[bytes], longest: int) -> None:
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(began + self.limits.grace_seconds) as limit:
                async for piece in pieces:
                    body += piece
                    self._open_bytes += len(piece)
                    if len(body) > longest:
                        raise BodyTooLong(f"the body has more than {longest:,} bytes")
                    if self._open_bytes > self.limits.open_bytes:
                        raise NoRoomForBody("too much is on its way here; try again")
                    earned = len(body) / self.limits.least_bytes_per_second
                    limit.reschedule(began + self.limits.grace_seconds + earned)
        except TimeoutError:
            rate = f"{self.limits.least_bytes_per_second:,.0f} bytes a second"
            raise BodyTooSlow(f"the body came too slowly: less than {rate}; try again over a better line") from None


class RefusedBody:
    """The stream of a body that was not taken in; reading it tells why."""

    def __init__(self, refusal: BodyRefused) -> None:
        self.refusal = refusal

    def read(self, size: int = -1, /) -> bytes:
        """Raise the refusal."""
        raise self.refusal

    def readline(self, size: int = -1, /) -> bytes:
        """Raise the refusal."""
        raise self.refusal
