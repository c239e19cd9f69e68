"""Carry out a suite from here: in prerequisite order, in parallel, nothing stored, handovers in memory only.

For the shell (`python -m diagnostics`, `manage.py diagnose`); the service keeps the same order in its database.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread

from diagnostics.checks import registry
from diagnostics.checks.result import Finding, Result, State, only_finding
from diagnostics.checks.seeing import Earlier
from diagnostics.diagnosis.changes import Before
from diagnostics.looking.look import VANTAGE, Look, LookRequest
from diagnostics.looking.plan import Progress, Step, next_steps
from diagnostics.looking.process import look_in_process, warm_up
from diagnostics.looking.report import SessionReport
from diagnostics.stack import StackConfig

LIMIT_SECONDS = 60.0  # for the whole run, as in the service
AT_ONCE = 8  # a diagnosis must not become the load that it looks for
KEY_BYTES = 32


def run_session(
    stack: StackConfig,
    *,
    suite: str = "full",
    slugs: Iterable[str] = (),
    on_start: Callable[[str], None] = lambda slug: None,
    on_result: Callable[[Result], None] = lambda result: None,
    stored_secrets: Mapping[str, str] | None = None,
    redaction_key: bytes | None = None,
    earlier: Mapping[str, Earlier] | None = None,
    before: Before | None = None,
    limit_seconds: float = LIMIT_SECONDS,
) -> SessionReport:
    """Look at a stack and give every result; both callbacks run in the caller's thread, as things happen.

    `slugs` with what they require go instead of the suite. Without a `redaction_key` a random one is used, so that
    tokens of one session cannot be compared with those of another. `earlier` holds back what must not be repeated;
    with `before` the report says what changed since.
    A check that still looks at the limit gets the result `error` with code `run.deadline`.
    Raises: UnknownCheck.
    """
    chosen = tuple(slugs)
    session = _Session(
        stack=stack,
        slugs=registry.with_requirements(chosen) if chosen else registry.suite(suite),
        stored_secrets=stored_secrets or {},
        redaction_key=redaction_key or secrets.token_bytes(KEY_BYTES),
        earlier=earlier or {},
        on_start=on_start,
        on_result=on_result,
        ends_at=time.monotonic() + limit_seconds,
    )
    began, started_at = time.monotonic(), datetime.now(UTC)
    session.run()
    return SessionReport(
        stack=stack,
        suite="" if chosen else suite,
        started_at=started_at,
        seconds=time.monotonic() - began,
        results=tuple(session.results[slug] for slug in session.slugs),
        before=before,
    )


@dataclass(kw_only=True)
class _Session:
    stack: StackConfig
    slugs: tuple[str, ...]
    stored_secrets: Mapping[str, str] = field(repr=False)
    redaction_key: bytes = field(repr=False)
    earlier: Mapping[str, Earlier]
    on_start: Callable[[str], None]
    on_result: Callable[[Result], None]
    ends_at: float  # time.monotonic() value
    results: dict[str, Result] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    ready: deque[str] = field(default_factory=deque)
    looking: set[str] = field(default_factory=set)
    handed: dict[str, str] = field(default_factory=dict, repr=False)
    looks: SimpleQueue[Look] = field(default_factory=SimpleQueue, repr=False)

    def run(self) -> None:
        """Go on until every check has its result; threads that still wait are left to their own deadlines."""
        self.progress = dict.fromkeys(self.slugs, Progress.WAITING)
        warm_up()
        self._advance()
        while self.looking:
            try:
                self._take(self.looks.get(timeout=max(self.ends_at - time.monotonic(), 0)))
            except Empty:
                break
            self._advance()
        self._close_what_is_open()

    def _advance(self) -> None:
        while steps := next_steps(self.progress):
            for step in steps:
                self._apply(step)
        while self.ready and len(self.looking) < AT_ONCE:
            self._start(self.ready.popleft())

    def _apply(self, step: Step) -> None:
        if not step.blocked_by:
            self.progress[step.slug] = Progress.LOOKING
            self.ready.append(step.slug)
            return
        finding = Finding(
            state=State.SKIP, code="prerequisite", message=f"not looked at: {step.blocked_by} has to be right first"
        )
        self._settle(without_look(step.slug, finding, prerequisite=step.blocked_by))

    def _start(self, slug: str) -> None:
        self.looking.add(slug)
        self.on_start(slug)
        request = LookRequest(
            slug=slug,
            stack=self.stack,
            redaction_key=self.redaction_key,
            stored_secrets=self.stored_secrets,
            handed=dict(self.handed),
            earlier=self.earlier.get(slug),
        )
        Thread(target=self._look, args=(request,), daemon=True, name=f"look {slug}").start()

    def _look(self, request: LookRequest) -> None:
        try:
            look = look_in_process(request)
        except Exception as error:  # no process to be had: that, too, is an answer
            message = f"the process that looks could not be had ({type(error).__name__})"
            look = Look(without_look(request.slug, Finding(state=State.ERROR, code="look.lost", message=message)))
        self.looks.put(look)

    def _take(self, look: Look) -> None:
        self.looking.discard(look.result.check)
        self.handed.update(look.handing)
        self._settle(look.result)

    def _settle(self, result: Result) -> None:
        self.results[result.check] = result
        self.progress[result.check] = Progress.BLOCKING if result.is_blocking else Progress.CLEAR
        self.on_result(result)

    def _close_what_is_open(self) -> None:
        for slug in self.slugs:
            if slug not in self.results:
                message = "the whole run was out of time before this check had its answer"
                self._settle(without_look(slug, Finding(state=State.ERROR, code="run.deadline", message=message)))


def without_look(slug: str, finding: Finding, *, prerequisite: str = "") -> Result:
    """Give the result of a check that did not come to look."""
    version = registry.check(slug).version
    return only_finding(
        check=slug,
        version=version,
        finding=finding,
        at=datetime.now(UTC),
        vantage=VANTAGE,
        prerequisite=prerequisite,
    )
