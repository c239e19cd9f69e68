"""AGT-01: whether the broker is reached as the application reaches it, and by every service at the same place.

With Celery kombu's `ensure_connection(max_retries=1, timeout=3)` is asked, as a worker does at its start; with lists in
Redis redis-py is, without its retries (4.6 s for a refused port). First with the credentials of [queue], then for each
entry of `[queue] urls` with the URL that the service's own process has in its environment.
Pass: `broker.reached`. Fail: `broker.refused`, `broker.auth`, `broker.dns`, `broker.timeout` (3 s, as checks.md AGT-01;
an open port that never answers included), `broker.loading`, `broker.tls`, `broker.protocol` ...: the reason;
`broker.elsewhere`: a service's URL leads to another server or database than [queue], so that it waits where no job
comes (told by the server's run_id, where the account may use INFO, and by the database's number).
Skip: `broker.no_process`, `broker.url` (a kind of URL that this check cannot use, e.g. unix: or sentinel:).
Error: `broker.url_unknown` (the variable is not there), not_permitted. Threshold: connect_seconds.
Everything that looks at workers, jobs and tasks requires this, so that a dead broker is told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.broker import Broker, BrokerFailure, Reached, broker_at, reach
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.host import process_environment
from diagnostics.stack import BrokerUrl, Queue, StackConfig

CONNECT_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class BrokerReached(Check):
    """The broker that [queue] names, and that of each URL."""

    slug: ClassVar[str] = "agents.broker"
    title: ClassVar[str] = "The broker is reached as the application reaches it, by all at the same place"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("database.redis",)
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a queue is described."""
        return None if stack.queue else "the stack describes no [queue]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Reach the described broker, then as each service does."""
        queue = seeing.stack.queue
        assert queue is not None
        limit = seeing.threshold("connect_seconds", CONNECT_SECONDS, unit="s", reference="checks.md AGT-01")
        described = Broker(queue, seeing.secret(queue.password) if queue.password else None)
        try:
            reached = _reached(seeing, described, limit)
        except BrokerFailure as failure:
            yield _failed(seeing, described, failure, limit, who="[queue]")
            return
        yield _finding(seeing, State.PASS, "reached", _said(described, reached), described, reached=reached)
        urls = [one for one in queue.urls if seeing.stack.services[one.service].pid_file]
        yield from look_at_each(
            seeing,
            urls,
            lambda one: [_of_service(seeing, queue, one, reached, limit)],
            named=lambda one: one.service,
        )


def _reached(seeing: Seeing, broker: Broker, limit: Threshold) -> Reached:
    return reach(broker, seconds=seeing.seconds_left(at_most=limit.value))


def _of_service(seeing: Seeing, queue: Queue, url: BrokerUrl, described: Reached, limit: Threshold) -> Finding:
    try:
        broker = broker_at(_url(seeing, url), queue)
    except ProcessUnknown as unknown:
        text = seeing.clean(f"{url.service}: {unknown.text}")
        return Finding(state=State.SKIP, code="broker.no_process", message=text, target=url.service)
    except BrokerFailure as failure:
        text = f"{url.environment_variable} of {url.service}: {failure.text}"
        return Finding(state=State.SKIP, code="broker.url", message=seeing.clean(text), target=url.service)
    try:
        reached = _reached(seeing, broker, limit)
    except BrokerFailure as failure:
        return _failed(seeing, broker, failure, limit, who=url.service)
    differs = described.server and reached.server and described.server != reached.server
    if not broker.url and (differs or broker.queue.database != queue.database):
        what = "another server" if differs else "another database"
        text = f"{url.service} uses {what} ({broker}) than [queue] names ({queue.host}:{queue.port}/{queue.database})"
        return _finding(seeing, State.FAIL, "elsewhere", text, broker, reached=reached, who=url.service)
    text = f"{url.service}: {_said(broker, reached)}"
    return _finding(seeing, State.PASS, "reached", text, broker, reached=reached, who=url.service)


def _url(seeing: Seeing, url: BrokerUrl) -> str:
    """Give the URL that the service's process has. Raises: ProcessUnknown, NotPermitted, CouldNotLook."""
    pid_file, name = seeing.stack.services[url.service].pid_file, url.environment_variable
    assert pid_file is not None
    found = process_environment(pid_file, [name])
    if not found.get(name):
        raise CouldNotLook(f"{name} is not in the environment of {url.service}", code="broker.url_unknown")
    return found[name]


def _said(broker: Broker, reached: Reached) -> str:
    return f"{broker} was reached in {reached.milliseconds:g} ms"


def _failed(seeing: Seeing, broker: Broker, failure: BrokerFailure, limit: Threshold, *, who: str) -> Finding:
    text = f"{broker} is not reached as {who} does: {failure.text}"
    threshold = limit if failure.code == "timeout" else None
    return _finding(seeing, State.FAIL, failure.code, text, broker, who=who, threshold=threshold)


def _finding(
    seeing: Seeing,
    state: State,
    reason: str,
    text: str,
    broker: Broker,
    *,
    reached: Reached | None = None,
    who: str = "[queue]",
    threshold: Threshold | None = None,
) -> Finding:
    cited = _keep(seeing, broker, text, reached, who)
    return Finding(
        state=state,
        code=f"broker.{reason}",
        message=seeing.clean(text),
        target=str(broker) if who == "[queue]" else who,
        measured={"connect": Measurement(reached.milliseconds if reached else None, "ms")},
        threshold=threshold,
        citations=(cited,),
    )


def _keep(seeing: Seeing, broker: Broker, text: str, reached: Reached | None, who: str) -> Citation:
    how = "kombu" if broker.queue.adapter == "celery" else "redis-py"
    lines = [text, f"run_id {reached.server}" if reached and reached.server else "run_id not known"]
    return seeing.keep("command", source=f"{how} to {broker} as {who}", content=lines).whole()
