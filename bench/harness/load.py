"""Clients that post as fast as they are answered, each on one connection that stays open."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.harness.errors import MeasuringFailed

ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Posting:
    """Where to post what: bodies are taken in turn, so that nothing can be remembered from the last one."""

    port: int
    path: str
    bodies: Sequence[bytes]
    token: str = field(repr=False)
    content_type: str = "application/json"

    def poster(self, first: int = 0) -> Callable[[], bytes]:
        """Open a connection and give what posts the next body and gives the answer; only 201 will do.

        Raises (when posting): MeasuringFailed.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": self.content_type}
        number = first

        def post() -> bytes:
            nonlocal number
            number += 1
            connection.request("POST", self.path, self.bodies[number % len(self.bodies)], headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 201:
                raise MeasuringFailed(f"{self.path} answered {answer.status}: {text[:300].decode(errors='replace')}")
            return text

        return post


def throughput(posting: Posting, *, clients: int, seconds: float) -> float:
    """Give the answers per second that this many clients get together in a round of about that many seconds."""
    posters = [posting.poster(index * 7) for index in range(clients)]
    answered = [0] * clients
    failures: list[Exception] = []
    start = threading.Barrier(clients + 1)

    def keep_posting(index: int) -> None:
        try:
            posters[index]()  # opens the connection
        except Exception as error:
            failures.append(error)
        start.wait()
        while not failures and time.perf_counter() < ends_at:
            try:
                posters[index]()
            except Exception as error:
                failures.append(error)
                return
            answered[index] += 1

    ends_at = float("inf")
    threads = [threading.Thread(target=keep_posting, args=(index,), daemon=True) for index in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    ends_at = began + seconds
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(answered) / (time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two throughputs from rounds that took turns: the middle of each, and the middle of the rounds' ratios."""

    ours: float
    beside: float
    ratio: float


def compare(ours: Posting, beside: Posting, *, clients: int, rounds: int, seconds: float) -> Compared:
    """Take turns, every other time the other way round, so that a machine that gets slower slows both."""
    pairs = []
    for number in range(rounds):
        order = (ours, beside) if number % 2 == 0 else (beside, ours)
        measured = [throughput(one, clients=clients, seconds=seconds) for one in order]
        pairs.append((measured[0], measured[1]) if number % 2 == 0 else (measured[1], measured[0]))
    return Compared(
        ours=statistics.median(a for a, _ in pairs),
        beside=statistics.median(b for _, b in pairs),
        ratio=statistics.median(a / b for a, b in pairs),
    )
