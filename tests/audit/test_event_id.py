from __future__ import annotations

import time
import uuid

from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit.event_id import RANDOM_BYTES, event_id_of, new_event_id

NOISE = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def test_the_example_of_the_standard() -> None:
    """RFC 9562, A.6: 2022-02-22 19:22:22 UTC, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F."""
    noise = (0xCC3 << 64 | 0x18C4DC0C0C07398F).to_bytes(RANDOM_BYTES)
    assert str(event_id_of(1_645_557_742_000, noise)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.integers(0, 2**48 - 1), NOISE)
def test_each_is_of_version_7_and_holds_its_time(milliseconds: int, noise: bytes) -> None:
    made = event_id_of(milliseconds, noise)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == milliseconds


@given(st.integers(0, 2**48 - 2), NOISE, NOISE)
def test_a_later_one_is_greater(milliseconds: int, one: bytes, other: bytes) -> None:
    assert event_id_of(milliseconds, one) < event_id_of(milliseconds + 1, other)


def test_new_ones_are_of_now_and_differ() -> None:
    before = time.time_ns() // 1_000_000
    made = [new_event_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert all(before <= one.int >> 80 <= after for one in made)
    assert len(set(made)) == len(made)
