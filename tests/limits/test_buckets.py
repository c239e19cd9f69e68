"""Buckets: the same rule in Redis and in memory, exact under concurrency, bounded in number."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.env import redis_with_database
from awe_incidents.limits.own_buckets import OwnBuckets
from awe_incidents.limits.policy import MICROSECONDS, Policy, after_try
from awe_incidents.limits.redis_buckets import RedisBuckets

SLOW = Policy("slow", quota=50, window_seconds=3600)  # gives nothing back while a test lasts


def url() -> str:
    return redis_with_database(os.environ["REDIS_URL"], 1)


@pytest.fixture
def shared() -> RedisBuckets:
    return RedisBuckets(url())


@pytest.fixture
def key() -> str:
    return f"limit:test:{secrets.token_hex(8)}"


@given(
    quota=st.integers(1, 500),
    window_seconds=st.integers(1, 3600),
    pauses=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_more_than_quota_and_rate_pass_in_any_time(quota: int, window_seconds: int, pauses: list[float]) -> None:
    policy = Policy("x", quota=quota, window_seconds=window_seconds)
    now = empty_at = 10**15
    passed: list[int] = []
    for pause in pauses:
        now += int(pause * policy.interval)
        is_allowed, empty_at = after_try(policy, empty_at=empty_at, now=now)
        if is_allowed:
            passed.append(now)
    for begin in range(0, len(passed), 7):
        for end in range(begin, len(passed)):
            elapsed = passed[end] - passed[begin]
            assert end - begin + 1 <= policy.quota + elapsed // policy.interval + 1


def test_a_burst_of_the_quota_passes_and_the_next_is_told_when() -> None:
    clock = [0]
    buckets, policy = OwnBuckets(clock=lambda: clock[0]), Policy("x", quota=3, window_seconds=60)
    spent = [buckets.spend(policy, "a") for _ in range(4)]
    verdicts = [policy.verdict(is_allowed=allowed, level=level) for allowed, level in spent]
    assert [one.is_allowed for one in verdicts] == [True, True, True, False]
    assert [one.remaining for one in verdicts] == [2, 1, 0, 0]
    assert [one.more_after_seconds for one in verdicts] == [20, 20, 20, 20]
    clock[0] = 20 * MICROSECONDS
    assert buckets.spend(policy, "a")[0]
    assert not buckets.spend(policy, "a")[0]
    assert buckets.spend(policy, "b")[0]


def test_redis_and_memory_come_to_the_same(shared: RedisBuckets, key: str) -> None:
    own = OwnBuckets(clock=lambda: 0)
    for number in range(60):
        in_redis, in_memory = shared.spend(SLOW, key), own.spend(SLOW, key)
        assert in_redis[0] == in_memory[0] == (number < 50)
        assert abs(in_redis[1] - in_memory[1]) < 30 * MICROSECONDS  # while the loop lasted something was given back


def test_a_bucket_gives_back_as_its_rate_says(shared: RedisBuckets, key: str) -> None:
    policy = Policy("quick", quota=2, window_seconds=1)
    assert [shared.spend(policy, key)[0] for _ in range(3)] == [True, True, False]
    threading.Event().wait(0.55)
    assert [shared.spend(policy, key)[0] for _ in range(2)] == [True, False]


def test_a_bucket_ends_by_itself(shared: RedisBuckets, key: str) -> None:
    client = redis.Redis.from_url(url())
    shared.spend(SLOW, key)
    assert 0 < client.pttl(key) <= 72_000
    shared.empty(key)
    assert not client.exists(key)


def test_a_policy_that_was_made_smaller_locks_nobody_out_for_the_old_time(shared: RedisBuckets, key: str) -> None:
    for _ in range(50):
        shared.spend(SLOW, key)
    smaller = Policy("slow", quota=1, window_seconds=1)
    allowed, level = shared.spend(smaller, key)
    assert (allowed, level) == (False, MICROSECONDS)
    assert smaller.verdict(is_allowed=allowed, level=level).more_after_seconds == 1


def test_what_stands_there_and_is_no_number_counts_as_nothing(shared: RedisBuckets, key: str) -> None:
    redis.Redis.from_url(url()).set(key, "nonsense")
    assert shared.spend(SLOW, key)[0]


def _spend_many(address: str, key: str, times: int) -> int:
    buckets = RedisBuckets(address)
    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(lambda _: buckets.spend(SLOW, key)[0], range(times)))


def test_processes_and_threads_at_once_pass_exactly_the_quota(key: str) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        passed = pool.starmap(_spend_many, [(url(), key, 70)] * 3)
    assert sum(passed) == 50


def test_threads_at_once_pass_exactly_the_quota_in_memory() -> None:
    own = OwnBuckets()
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: own.spend(SLOW, "k")[0], range(400))) == 50


@pytest.fixture
def few() -> OwnBuckets:
    return OwnBuckets(max_buckets=100)


def test_buckets_in_memory_are_bounded_and_the_oldest_go(few: OwnBuckets) -> None:
    for _ in range(50):
        few.spend(SLOW, "busy")
    for number in range(10_000):
        few.spend(SLOW, f"once {number}")
        if number % 10 == 0:
            assert not few.spend(SLOW, "busy")[0]
    assert len(few) == 100
