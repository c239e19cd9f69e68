"""Bodies on the event loop: whole ones are given, slow, long and lost ones told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

import pytest

from awe_incidents.intake import (
    BodyCutOff,
    BodyRefused,
    BodyTooLong,
    BodyTooSlow,
    Intake,
    IntakeLimits,
    NoRoomForBody,
    RefusedBody,
)

LIMITS = IntakeLimits(
    grace_seconds=0.2,
    least_bytes_per_second=100,
    longest_bytes=1_000,
    strangers_bytes=10,
    open_bytes=1_500,
    open_bodies=3,
)


async def pieces(number: int, size: int = 10, *, pause_seconds: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(number):
        await asyncio.sleep(pause_seconds)
        yield b"x" * size


def take(body: AsyncIterator[bytes], *, length: int | None = None, is_stranger: bool = False) -> BytesIO | RefusedBody:
    async def taken() -> BytesIO | RefusedBody:
        return await Intake(LIMITS).take(body, length=length, is_stranger=is_stranger)

    return asyncio.run(taken())


def refusal(stream: BytesIO | RefusedBody) -> BodyRefused:
    assert isinstance(stream, RefusedBody)
    for read in (stream.read, stream.readline):
        with pytest.raises(BodyRefused) as refused:
            read(10)
        assert refused.value is stream.refusal
    return stream.refusal


def test_a_whole_body_is_given() -> None:
    assert take(pieces(5), length=50).read() == b"x" * 50
    assert take(pieces(0)).read() == b""


def test_a_body_that_stalls_is_too_slow() -> None:
    assert isinstance(refusal(take(pieces(1, pause_seconds=5), length=10)), BodyTooSlow)


def test_one_that_trickles_is_too_slow_and_one_that_keeps_the_rate_is_not() -> None:
    assert isinstance(refusal(take(pieces(50, 1, pause_seconds=0.02))), BodyTooSlow)  # 50 bytes a second
    assert take(pieces(50, 4, pause_seconds=0.02)).read() == b"x" * 200


def test_one_that_ends_early_is_cut_off() -> None:
    assert isinstance(refusal(take(pieces(2), length=30)), BodyCutOff)


def test_one_that_is_too_long_is_not_read_on() -> None:
    assert isinstance(refusal(take(pieces(0), length=1_001)), BodyTooLong)
    endless = pieces(10**9, 100)
    assert isinstance(refusal(take(endless)), BodyTooLong)


def test_strangers_may_send_little() -> None:
    assert isinstance(refusal(take(pieces(2), is_stranger=True)), BodyTooLong)
    assert take(pieces(1), length=10, is_stranger=True).read() == b"x" * 10


def test_bodies_on_their_way_are_bounded_in_number_and_leave_room_when_they_are_done() -> None:
    async def many() -> None:
        intake = Intake(LIMITS)
        crowd = [
            asyncio.create_task(intake.take(pieces(1, 1, pause_seconds=0.05), length=1, is_stranger=False))
            for _ in range(4)
        ]
        *taken, last = await asyncio.gather(*crowd)
        assert all(isinstance(one, BytesIO) for one in taken)
        assert isinstance(refusal(last), NoRoomForBody)
        assert isinstance(await intake.take(pieces(1, 1), length=1, is_stranger=False), BytesIO)

    asyncio.run(many())


def test_too_much_at_once_is_refused() -> None:
    async def much() -> None:
        intake = Intake(LIMITS)
        held = asyncio.create_task(intake.take(held_back(900), length=901, is_stranger=False))
        await asyncio.sleep(0.05)
        more = await intake.take(pieces(9, 100), length=900, is_stranger=False)
        assert isinstance(refusal(more), NoRoomForBody)
        assert isinstance(refusal(await held), BodyTooSlow | BodyCutOff)
        assert isinstance(await intake.take(pieces(9, 100), length=900, is_stranger=False), BytesIO)

    async def held_back(size: int) -> AsyncIterator[bytes]:
        yield b"x" * size
        await asyncio.sleep(30)

    asyncio.run(asyncio.wait_for(much(), 20))
