"""Limits behind the real web server: exact over several workers, and no wait when Redis hangs or is gone."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from awe_incidents.accounts.models import User
from awe_incidents.limits.redis_buckets import TIMEOUT_SECONDS
from diagnostics.models import Stack
from tests.api.conftest import FIELDS, FILING, token_of
from tests.api.web_server import database_url, serving
from tests.diagnostics.brokers import Broker, running_broker

RUNS = "/api/v1/runs/"
WORKERS, THREADS, REQUESTS = 3, 16, 200
# So slow that no try is given back while a test lasts.
LIMITS = {
    "AWE_LIMIT_READING": "37/99999",
    "AWE_LIMIT_FILING": "23/99999",
    "AWE_LIMIT_AUTHENTICATION": "31/99999",
}
SLACK_SECONDS = 0.5  # for a busy machine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker() -> Iterator[Broker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def server(broker: Broker, tmp_path: Path) -> Iterator[httpx.Client]:
    """The web server on a Redis of its own, that may be hurt."""
    url = f"redis://:{broker.password}@127.0.0.1:{broker.port}/0"
    with serving(database_url(), tmp_path / "web.log", workers=WORKERS, REDIS_URL=url, **LIMITS) as client:
        yield client


@pytest.fixture
def authorization(reporter: User, stack: Stack) -> dict[str, str]:
    """The reporter's token as a header."""
    return {"Authorization": f"Bearer {token_of(reporter)}"}


def at_once(server: httpx.Client, method: str, path: str, headers: dict[str, str]) -> Counter[int]:
    """Send many requests at once, each over a connection of its own that any worker may take."""
    body = json.dumps(FIELDS) if method == "POST" else None
    host, port = server.base_url.host, server.base_url.port

    def send(_: int) -> int:
        own = HTTPConnection(host, port, timeout=60)
        try:
            own.request(method, path, body=body, headers={**headers, "Content-Type": "application/json"})
            return own.getresponse().status
        finally:
            own.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(send, range(REQUESTS)))


def test_many_requests_at_once_over_several_workers_pass_exactly_the_quota(
    server: httpx.Client, authorization: dict[str, str]
) -> None:
    assert at_once(server, "GET", RUNS, authorization) == {200: 37, 429: REQUESTS - 37}
    assert at_once(server, "POST", FILING, authorization) == {201: 23, 429: REQUESTS - 23}
    assert at_once(server, "GET", RUNS, {"Authorization": "Bearer x"}) == {401: 31, 429: REQUESTS - 31}


def timed(server: httpx.Client, method: str, path: str, authorization: dict[str, str]) -> tuple[int, float]:
    began = time.monotonic()
    body = FIELDS if method == "POST" else None
    status = server.request(method, path, headers=authorization, json=body).status_code
    return status, time.monotonic() - began


@pytest.mark.parametrize("hurt", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "killed"])
def test_nobody_waits_for_a_redis_that_is_away_and_filing_goes_on(
    server: httpx.Client, broker: Broker, authorization: dict[str, str], hurt: signal.Signals
) -> None:
    for method, path in (("GET", RUNS), ("POST", FILING)):
        for _ in range(WORKERS * 3):
            assert timed(server, method, path, authorization)[0] in {200, 201}
    os.kill(broker.pid, hurt)
    answers = [timed(server, method, path, authorization) for method, path in (("GET", RUNS), ("POST", FILING)) * 4]
    assert {status for status, _ in answers} == {200, 201}
    # Once for the limit, and a filing once more for the doorbell.
    assert max(seconds for _, seconds in answers) < 2 * TIMEOUT_SECONDS + SLACK_SECONDS, answers
