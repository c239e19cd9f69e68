"""Probe of Celery's workers by kombu's mailbox, as its `inspect` does, since this library does not load Celery.

`inspect` gives None both for "no worker" and for "no reply", so the broker is asked first by whoever calls this.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from kombu import Connection
from kombu.pidbox import Mailbox

from diagnostics.probes.redis import Limits, classified
from diagnostics.stack import Queue

REPLY_SECONDS = 1.5  # a worker's main process answers at once, busy or not

Answers = Mapping[str, Any]  # by worker


@dataclass(frozen=True, kw_only=True)
class Mail:
    """The mailbox of the workers of a queue; every question is one that only reads."""

    queue: Queue
    limits: Limits
    password: str | None = field(default=None, repr=False)

    def asked(self, *commands: str, **arguments: Mapping[str, Any]) -> dict[str, Answers]:
        """Find the workers by `ping`, then ask those that answered for each command; `arguments` by command.

        Raises: RedisFailure.
        """
        with self._mailbox() as mailbox:
            answers: dict[str, Answers] = {"ping": _by_worker(mailbox.multi_call("ping", timeout=self._seconds()))}
            if not answers["ping"]:
                return answers | {command: {} for command in commands}
            workers, seconds = sorted(answers["ping"]), self._seconds()
            for command in commands:
                more = dict(arguments.get(command, {}))
                answers[command] = _by_worker(mailbox.call(workers, command, more, timeout=seconds))
        return answers

    def _seconds(self) -> float:
        return min(REPLY_SECONDS, max(self.limits.ends_at - time.monotonic(), 0.1))

    @contextmanager
    def _mailbox(self) -> Iterator[Any]:
        connection = redis_connection(self.queue, password=self.password, seconds=self.limits.connect_seconds)
        try:
            with connection:
                yield Mailbox("celery", type="fanout", accept=["json"])(connection)
        except connection.connection_errors + connection.channel_errors as error:
            raise classified(cast("Exception", error)) from None


def redis_connection(queue: Queue, *, password: str | None, seconds: float) -> Connection:
    """Give kombu's connection to a queue's broker, without its retries; it connects when it is used."""
    return Connection(
        transport="redis",
        hostname=queue.host,
        port=queue.port,
        virtual_host=str(queue.database),
        userid=queue.user,
        password=password,
        connect_timeout=seconds,
        transport_options={"socket_timeout": seconds, "socket_connect_timeout": seconds, "max_retries": 0},
    )


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What a worker says of a task that it knows."""

    time_limit_seconds: float | None = None
    has_rate_limit: bool = False


def registered_tasks(answer: object) -> dict[str, TaskFacts]:
    """Read one worker's answer to `registered`: `name` or `name [time_limit=5 rate_limit=10/m]`."""
    found = {}
    for text in answer if isinstance(answer, list) else ():
        name, _, more = str(text).partition(" [")
        facts = dict(part.split("=", 1) for part in more.rstrip("]").split() if "=" in part)
        found[name] = TaskFacts(seconds_of(facts.get("time_limit")), bool(facts.get("rate_limit")))
    return found


def seconds_of(value: object) -> float | None:
    """Read a time limit, None where there is none."""
    try:
        return float(value) if isinstance(value, int | float | str) and value else None
    except ValueError:
        return None


def names_of(queues: object) -> tuple[str, ...]:
    """Read one worker's answer to `active_queues`."""
    return tuple(str(one.get("name", ""))[:100] for one in dicts(queues))


def dicts(value: object) -> list[dict[str, Any]]:
    """Give the objects of what should be a list of objects."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _by_worker(replies: object) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for reply in dicts(replies):
        merged.update(reply)
    return merged
