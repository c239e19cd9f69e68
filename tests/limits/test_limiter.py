"""The limiter while its Redis is killed, hangs, is full and comes back: it never fails, and nobody waits long."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from awe_incidents.limits import Limiter, Policy
from awe_incidents.limits.redis_buckets import TIMEOUT_SECONDS
from tests.diagnostics.brokers import Broker, running_broker

POLICY = Policy("slow", quota=5, window_seconds=3600)
SILENT_SECONDS = 0.4
SLACK_SECONDS = 0.35  # for a busy machine


@pytest.fixture
def broker() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


def limiter_on(broker: Broker) -> Limiter:
    return Limiter(f"redis://:{broker.password}@127.0.0.1:{broker.port}/1", silent_seconds=SILENT_SECONDS)


def timed_spend(limiter: Limiter, subject: str) -> tuple[bool, float]:
    began = time.monotonic()
    verdict = limiter.spend(POLICY, subject)
    return verdict.is_allowed, time.monotonic() - began


def test_a_redis_that_is_killed_leaves_each_process_its_own_limit(broker: Broker) -> None:
    limiter = limiter_on(broker)
    assert limiter.spend(POLICY, "a").remaining == 4
    os.kill(broker.pid, signal.SIGKILL)
    spent = [timed_spend(limiter, "a") for _ in range(7)]
    assert [allowed for allowed, _ in spent] == [True] * 5 + [False] * 2
    assert max(seconds for _, seconds in spent) < TIMEOUT_SECONDS + SLACK_SECONDS


def test_a_redis_that_hangs_costs_one_short_wait_and_then_nobody_any(broker: Broker) -> None:
    limiter = limiter_on(broker)
    limiter.spend(POLICY, "a")
    os.kill(broker.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(16) as pool:
        first = list(pool.map(lambda number: timed_spend(limiter, f"s{number}"), range(16)))
    assert all(allowed for allowed, _ in first)
    assert max(seconds for _, seconds in first) < 2 * TIMEOUT_SECONDS + SLACK_SECONDS
    began = time.monotonic()
    for number in range(1000):
        limiter.spend(POLICY, f"t{number}")
    assert time.monotonic() - began < SILENT_SECONDS  # nobody asked

    time.sleep(SILENT_SECONDS)
    with ThreadPoolExecutor(16) as pool:
        again = sorted(seconds for _, seconds in pool.map(lambda n: timed_spend(limiter, f"u{n}"), range(16)))
    assert sum(seconds > TIMEOUT_SECONDS / 2 for seconds in again) <= 1  # one asked, the others went on


def test_limits_hold_across_processes_again_when_redis_is_back(broker: Broker) -> None:
    limiter, other = limiter_on(broker), limiter_on(broker)
    os.kill(broker.pid, signal.SIGSTOP)
    limiter.spend(POLICY, "a")
    os.kill(broker.pid, signal.SIGCONT)
    time.sleep(SILENT_SECONDS + 0.05)
    remaining = [one.spend(POLICY, "b").remaining for one in (limiter, other, limiter, other)]
    assert remaining == [4, 3, 2, 1]


def test_a_redis_that_is_full_or_not_ours_is_like_one_that_is_away(broker: Broker) -> None:
    broker.client().config_set("maxmemory", "1")
    assert [limiter_on(broker).spend(POLICY, "a").is_allowed for _ in range(2)] == [True, True]
    wrong = Limiter(f"redis://:wrong@127.0.0.1:{broker.port}/1")
    assert [wrong.spend(POLICY, "a").is_allowed for _ in range(6)] == [True] * 5 + [False]


def test_a_redis_that_answers_nonsense_is_like_one_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        limiter = Limiter(f"redis://127.0.0.1:{server.getsockname()[1]}/1")
        assert timed_spend(limiter, "a")[1] < 2 * TIMEOUT_SECONDS + SLACK_SECONDS


def test_a_quota_is_given_back_whole_wherever_it_was_spent(broker: Broker) -> None:
    limiter = limiter_on(broker)
    for _ in range(3):
        limiter.spend(POLICY, "a")
    limiter.give_back(POLICY, "a")
    assert limiter.spend(POLICY, "a").remaining == 4
    os.kill(broker.pid, signal.SIGKILL)
    for _ in range(6):
        limiter.spend(POLICY, "a")
    limiter.give_back(POLICY, "a")
    assert limiter.spend(POLICY, "a").remaining == 4


def test_the_buckets_in_redis_survive_its_scripts_being_forgotten(broker: Broker) -> None:
    limiter = limiter_on(broker)
    limiter.spend(POLICY, "a")
    client = redis.Redis(host="127.0.0.1", port=broker.port, password=broker.password)
    client.script_flush()
    assert limiter.spend(POLICY, "a").remaining == 3
