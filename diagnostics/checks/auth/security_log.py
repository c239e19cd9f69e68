"""AUT-07: refused logins and tokens, lockouts and forged tokens in the logs that [security_log] names, by 5 minutes.

Read are the files (a JSON object a line, in whatever words) and the lines about logins in the service's log_files, each
for itself, so that nothing counts twice; from the end, what 4 s and 8 MB give of the last day. Where the service is a
container, these are files in it and the log that its engine keeps. Judged are the windows of the stack's
`logs.window_minutes`: refusals in all, of one user and of one address. Warn `security.failures`,
`security.user_failures`, `security.address_failures` from three times what is usual, fail from ten times [ours]; usual
is the middle of the earlier windows (of one user or address at least 3), and the count must lie beyond their scatter
(three median absolute deviations). Without six earlier windows, or where none are usual, from 10 and 50 [ours];
`thresholds` warn_failures and fail_failures set both. Fail: `security.alg_none` (any token that nobody signed). Warn:
`security.alg_refused` (tokens of an algorithm that is not allowed), `security.lockout`, `security.silent` (nothing
recorded in all those windows, where five events a window and more were usual in the hour before), `security.missing`.
Error: not_permitted. Skip: `security.no_process` (the container with the file does not run). Pass: `security.usual`.
Users are named by keyed marks, equal for equal users of this stack. Kept are the last 20 refusals and lockouts of each
source, and its last 20 logins. Torn and binary lines, undated ones and those dated
ahead are counted and not judged. An attack that goes on for days becomes usual here.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import could_not_look
from diagnostics.checks.login_logs import LoginLog, Refusal, login_logs
from diagnostics.checks.login_samples import sample_of
from diagnostics.checks.login_windows import REFUSED, WINDOW_SECONDS, Limits, Source, Window, limits_of
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.logs import rotated
from diagnostics.probes.security_events import Event, Kind, event_of, lines_from_the_end
from diagnostics.stack import StackConfig

MAX_BYTES = 8_000_000
READ_SECONDS, SPARE_SECONDS = 4.0, 3.0
DAY = timedelta(days=1)
WARN_FAILURES, FAIL_FAILURES = 10.0, 50.0
TIMES = (3.0, 10.0)
SILENT_WINDOWS, SILENT_EVENTS = 12, 5
LEAST_OF_ONE = 3.0  # somebody who mistypes a password three times is no attack
MAX_SAMPLES, MAX_TOP, SHOWN_WINDOWS = 20, 5, 36
SAMPLED = (*REFUSED, Kind.LOCKOUT)


@dataclass(frozen=True, slots=True)
class Series:
    """One count per window that is judged; what is usual of it counts as `least` at least."""

    name: str
    words: str
    count: Callable[[Window], int]
    least: float


SERIES = (
    Series("failures", "refused logins and tokens", lambda window: window.failures, 1.0),
    Series("user_failures", "refusals of one user", lambda window: window.of_one_user, LEAST_OF_ONE),
    Series("address_failures", "refusals of one address", lambda window: window.of_one_address, LEAST_OF_ONE),
)


@dataclass(slots=True)
class Seen:
    """One source with samples of what matters in it."""

    source: Source
    recent: int  # how many windows are judged
    samples: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def keep(self, event: Event, mark: Callable[[str], str]) -> None:
        """Keep the event as a sample while there is room; logins by themselves, so that many of them hide nothing."""
        samples = self.logins if event.kind is Kind.SUCCESS else self.samples if event.kind in SAMPLED else None
        if samples is not None and len(samples) < MAX_SAMPLES:
            samples.append(sample_of(event, mark))

    def worst(self, count: Callable[[Window], int]) -> int:
        """Give the age of the recent window with the highest count."""
        return max(range(self.recent), key=lambda age: count(self.source.window(age)))

    def kinds(self) -> Counter[Kind]:
        """Count the kinds of events in the recent windows."""
        return sum((self.source.window(age).kinds for age in range(self.recent)), Counter[Kind]())


@dataclass(frozen=True, kw_only=True)
class SecurityLog(Check):
    """The security audit log and the lines about logins."""

    slug: ClassVar[str] = "auth.security_log"
    title: ClassVar[str] = "No more logins are refused than usual, and no token is forged"
    suites: ClassVar[frozenset[str]] = frozenset({"auth"})
    after: ClassVar[tuple[str, ...]] = ("auth.login_probe",)  # a log that begins with its first event is there then
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where such a log is named."""
        return None if stack.security_log else "the stack describes no [security_log]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Read every source, then judge each."""
        recent = ceil(seeing.stack.logs.window_minutes * 60 / WINDOW_SECONDS)
        described = seeing.stack.security_log
        assert described is not None
        with login_logs(seeing, described, day=DAY, max_bytes=MAX_BYTES) as logs:
            for number, log in enumerate(logs):
                seen = Seen(Source(log.name, seeing.now().timestamp()), recent)
                seconds = (seeing.seconds_left() - SPARE_SECONDS) / (len(logs) - number)
                refusals = list(_read(seeing, seen, log, seconds=min(seconds, READ_SECONDS)))
                yield from refusals
                if len(refusals) < len(log.paths):
                    yield from _judged(seeing, seen, _keep(seeing, seen, log))


def _read(seeing: Seeing, seen: Seen, log: LoginLog, *, seconds: float) -> Iterator[Finding]:
    """Read files from their ends, then what was rotated away; give a finding for each that cannot be read."""
    ends_at, since = time.monotonic() + seconds, seeing.now() - DAY
    if log.refusal:
        yield _refused(seeing, log.refusal, target=log.name)
    for path in log.paths:
        before, _ = rotated(path, since=since)
        try:
            left = MAX_BYTES
            for one in [path, *reversed(before)]:  # the newest first, as long as there is room
                left -= _take(seeing, seen, one, max_bytes=left, ends_at=ends_at)
        except (NotPermitted, FileUnusable) as refusal:
            yield _refused(seeing, refusal, target=str(path))


def _refused(seeing: Seeing, refusal: Refusal, *, target: str) -> Finding:
    if isinstance(refusal, CouldNotLook):
        return could_not_look(seeing, refusal, target=target)
    text = seeing.clean(f"nothing can be told of logins: {refusal.text}")
    if isinstance(refusal, ProcessUnknown):
        return Finding(state=State.SKIP, code="security.no_process", message=text, target=target)
    return Finding(state=State.WARN, code=f"security.{refusal.code}", message=text, target=target)


def _take(seeing: Seeing, seen: Seen, path: Path, *, max_bytes: int, ends_at: float) -> int:
    """Count the events of one file, from its end until room or time is up, and give how many bytes were read."""
    taken = 0
    for line in lines_from_the_end(path, max_bytes=max_bytes):
        taken += len(line) + 1
        if not line.strip():
            continue
        event = event_of(line)
        seen.source.take(event)
        if event is not None:
            seen.keep(event, partial(_mark, seeing))
        if time.monotonic() > ends_at:
            break
    return taken


def _mark(seeing: Seeing, user: str) -> str:
    return seeing.redactor.fingerprint(user) if user else "-"


def _keep(seeing: Seeing, seen: Seen, log: LoginLog) -> Evidence:
    source = seen.source
    lines = [f"{source.lines} lines: {source.unreadable} say nothing of logins or cannot be read"]
    lines += [f"{source.undated} bear no time, {source.ahead} are dated ahead"]
    lines += ["minutes ago: events; refused, of one user, of one address; lockouts; unsigned tokens"]
    for age in range(min(max(source.windows, default=0), SHOWN_WINDOWS) + 1):
        its = source.window(age)
        refused = f"{its.failures}, {its.of_one_user}, {its.of_one_address}"
        marks = f"{its.kinds[Kind.LOCKOUT]}; {its.kinds[Kind.ALG_NONE]}"
        lines.append(f"{age * 5:4}-{age * 5 + 5}: {its.events}; {refused}; {marks}")
    lines += ["", f"the last {len(seen.samples)} that were refused or locked out:", *seen.samples]
    lines += ["", f"the last {len(seen.logins)} logins:", *seen.logins] if seen.logins else []
    return seeing.keep("log_excerpt", source=log.source, content=lines)


def _judged(seeing: Seeing, seen: Seen, evidence: Evidence) -> Iterator[Finding]:
    found = [
        *filter(None, (_series(seeing, seen, one, cited=evidence.whole()) for one in SERIES)),
        *_marks(seen, evidence.whole()),
        *_silence(seen, evidence.whole()),
    ]
    if found:
        yield from found
        return
    kinds = seen.kinds()
    refused = sum(kinds[kind] for kind in REFUSED)
    yield Finding(
        state=State.PASS,
        code="security.usual",
        message=f"{seen.source.name}: {refused} refused of {kinds.total()} events in {seen.recent * 5} minutes",
        target=seen.source.name,
        measured=_measured(seen),
        citations=(evidence.whole(),),
    )


def _measured(seen: Seen) -> dict[str, Measurement]:
    source = seen.source
    counts = {"lines": source.lines, "unreadable": source.unreadable, "undated": source.undated, "ahead": source.ahead}
    return {name: Measurement(count) for name, count in counts.items()}


def _series(seeing: Seeing, seen: Seen, series: Series, *, cited: Citation) -> Finding | None:
    """Judge one count of the worst recent window, None where it is not too high."""
    age = seen.worst(series.count)
    worst = seen.source.window(age)
    count = series.count(worst)
    limits, is_configured = _limits(seeing, seen.source.earlier(seen.recent, series.count), least=series.least)
    if count < limits.warn:
        return None
    state, limit = (State.FAIL, limits.fail) if count >= limits.fail else (State.WARN, limits.warn)
    usual = "" if limits.usual is None else f", where {limits.usual:g} are usual"
    said = f"{count} {series.words} in 5 minutes, {age * 5} minutes ago{usual}{_most(seeing, worst, series)}"
    return Finding(
        state=state,
        code=f"security.{series.name}",
        message=seeing.clean(f"{seen.source.name}: {said}"),
        target=seen.source.name,
        measured={series.name: Measurement(count), "usual": Measurement(limits.usual), **_measured(seen)},
        threshold=_threshold(state, limit, limits, is_configured=is_configured),
        citations=(cited,),
        blocks=False,
    )


def _limits(seeing: Seeing, earlier: Sequence[int], *, least: float) -> tuple[Limits, bool]:
    """Give the limits, and whether the stack's description sets them."""
    warn = seeing.threshold("warn_failures", WARN_FAILURES, unit="")
    fail = seeing.threshold("fail_failures", FAIL_FAILURES, unit="")
    if "config" in {warn.source, fail.source}:
        return Limits(warn.value, fail.value, None, 0), True
    return limits_of(earlier, warn=warn.value, fail=fail.value, times=TIMES, least=least), False


def _threshold(state: State, limit: float, limits: Limits, *, is_configured: bool) -> Threshold:
    name = f"{state}_failures"
    if is_configured:
        return Threshold(name, limit, "", "config")
    if limits.usual is None:
        return Threshold(name, limit, "", "default", "ours")
    times = TIMES[1] if state is State.FAIL else TIMES[0]
    return Threshold(name, limit, "", "baseline", f"{times:g} x the middle of {limits.windows} windows before")


def _most(seeing: Seeing, window: Window, series: Series) -> str:
    """Name who was refused most, users by their marks."""
    if series.name == "address_failures":
        return "; most from " + ", ".join(f"{who} ({count})" for who, count in window.addresses.most_common(MAX_TOP))
    users = window.users.most_common(MAX_TOP)
    return "; most of " + ", ".join(f"user {_mark(seeing, who)} ({count})" for who, count in users) if users else ""


def _marks(seen: Seen, cited: Citation) -> Iterator[Finding]:
    """Give what no count makes usual."""
    for kind, state, said in (
        (Kind.ALG_NONE, State.FAIL, "token(s) came that nobody signed (alg none): somebody tries to forge them"),
        (Kind.ALG_REFUSED, State.WARN, "token(s) of an algorithm that is not allowed were refused"),
        (Kind.LOCKOUT, State.WARN, "account(s) were locked"),
    ):
        if count := seen.kinds()[kind]:
            yield Finding(
                state=state,
                code=f"security.{kind}",
                message=f"{seen.source.name}: {count} {said} in {seen.recent * 5} minutes",
                target=seen.source.name,
                measured={kind: Measurement(count)},
                citations=(cited,),
                blocks=False,
            )


def _silence(seen: Seen, cited: Citation) -> Iterator[Finding]:
    """Find a log that has fallen silent: usually busy, and nothing in all the recent windows."""
    earlier = seen.source.earlier(seen.recent, lambda window: window.events)[:SILENT_WINDOWS]
    usual = median(earlier) if len(earlier) == SILENT_WINDOWS else 0
    if usual < SILENT_EVENTS or seen.kinds().total():
        return
    text = (
        f"nothing was recorded in {seen.recent * 5} minutes, and before that {usual:g} events in 5 minutes were usual"
    )
    yield Finding(
        state=State.WARN,
        code="security.silent",
        message=f"{seen.source.name}: {text}",
        target=seen.source.name,
        measured={"usual_events": Measurement(usual)},
        threshold=Threshold("silent_events", SILENT_EVENTS, "", "default", "ours"),
        citations=(cited,),
    )
