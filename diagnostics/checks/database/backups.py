"""DB-10: the newest backup of each database: how old, how large, whether it is a whole dump, and room for the next.

Looked at is the folder of `[databases.X.backups]`, as it lies on the machine that looks, or in the container of the
database (where the newest is read from a copy, if that has no more than 64 MB); the newest file that matches `pattern`
counts. Its age is that of the file, or of the time that the dump bears in its head where that is more than a day
earlier (a copy is younger than what it holds).
Fail: `backup.folder_missing`, `backup.missing` (nothing matches), `backup.old` (older than 50 h, two of the schedule's
`every_hours` and 2 h [ours]), `backup.empty` (0 bytes), `backup.not_a_dump`, `backup.truncated`, `backup.damaged`,
`backup.not_regular` (a pipe or device in its place), `backup.unreadable` (the disk gives an error). Warn: `backup.old`
(older than 26 h: the schedule and 2 h [ours]), `backup.small` (less than half of what is usual: the median of the other
files, of three or more, else of earlier good runs [ours]), `backup.no_room` (the next one, as large, will not fit; a
disk that is full is the fail of performance.disk), `backup.other_database`, `backup.without_data` (a dump of the schema
only), `backup.in_future`, `backup.sealed` (compressed or encrypted so that it cannot be looked into; describe it with
`format = "opaque"`). Error: not_permitted. Skip: `backup.no_container`. Pass: `backup.sound`.
Thresholds: `age_hours`, `age_fail_hours`, `smallest_percent`.
The table of contents is read as `pg_restore --list` does, which the looking machine need not have, and then the last
data are followed to their end: pg_restore finds a cut-off file sound, as its table of contents stands in front.
Formats: custom, tar, directory and plain SQL, also in gzip, bzip2 or xz. Only a restore proves a backup, and it makes
none.
What the guide writes, `pg_restore ... /backup/latest.sql`, needs a custom dump in spite of that name; its own emergency
backup (`pg_dump ... > emergency_backup.sql`) is plain SQL, which pg_restore refuses and `psql -f` reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import ClassVar

from diagnostics.checks.backups_inside import backups_inside, read_inside
from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.backups import Backup, backups_in, read_backup, unusable
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.filesystems import file_system_of
from diagnostics.probes.patience import within
from diagnostics.probes.pg_archive import Dump, DumpBroken
from diagnostics.stack import Backups, Database, StackConfig

SPARE_HOURS = 2.0
SMALLEST_PERCENT = 50.0
LEAST_FILES = 3
ANSWER_SECONDS = 3.0
READ_SECONDS = 4.0
SHOWN_FILES, SHOWN_ITEMS = 20, 40
HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """One database's backups, the newest first, and what is cited."""

    seeing: Seeing
    database: Database
    plan: Backups
    files: Sequence[Backup]
    citation: Citation

    @property
    def newest(self) -> Backup:
        return self.files[0]

    def finding(
        self, state: State, code: str, text: str, *, threshold: Threshold | None = None, more: tuple[Citation, ...] = ()
    ) -> Finding:
        """Give a finding about the newest file."""
        age = (time.time() - self.newest.modified_at) / HOUR
        return Finding(
            state=state,
            code=code,
            message=self.seeing.clean(f"{self.database.name}: {text}"),
            target=str(self.newest.path),
            measured={"size": Measurement(self.newest.size_bytes, "B"), "age": Measurement(round(age, 1), "h")},
            threshold=threshold,
            citations=(self.citation, *more),
            blocks=False,
        )


@dataclass(frozen=True, kw_only=True)
class NewestBackups(Check):
    """Each database that says where its backups lie."""

    slug: ClassVar[str] = "database.backups"
    title: ClassVar[str] = "There is a recent and whole backup"
    suites: ClassVar[frozenset[str]] = frozenset({"database"})
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where backups are described."""
        return None if _described(stack) else "the stack describes no [databases.*.backups]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at one folder after the other."""
        yield from look_at_each(seeing, _described(seeing.stack), partial(_look_at, seeing), named=lambda one: one.name)


def _described(stack: StackConfig) -> list[Database]:
    return [one for one in stack.databases.values() if one.backups]


def _look_at(seeing: Seeing, database: Database) -> Iterator[Finding]:
    plan = database.backups
    assert plan is not None
    try:
        if seeing.surroundings.is_container:
            files = backups_inside(seeing, database)
        else:
            seconds = seeing.seconds_left(at_most=ANSWER_SECONDS)
            files = within(seconds, partial(backups_in, plan.directory, plan.pattern))
    except ProcessUnknown as unknown:
        text = seeing.clean(f"{database.name}: its backups were not looked at: {unknown.text}")
        yield Finding(state=State.SKIP, code="backup.no_container", message=text, target=database.service)
        return
    except FileUnusable as error:
        yield _nothing(seeing, database, "backup.folder_missing", error.text)
        return
    except TimeoutError:
        yield _nothing(seeing, database, "backup.unreadable", f"{plan.directory} does not answer: a dead mount?")
        return
    if not files:
        text = f"nothing in {plan.directory} matches {plan.pattern}: there is no backup"
        yield _nothing(seeing, database, "backup.missing", text)
        return
    evidence = seeing.keep("file_stat", source=str(plan.directory), content=[_line(one) for one in files[:SHOWN_FILES]])
    seen = _Seen(seeing, database, plan, files, evidence.whole())
    yield from _judged(seen)


def _nothing(seeing: Seeing, database: Database, code: str, text: str) -> Finding:
    evidence = seeing.keep("file_stat", source=str(database.backups and database.backups.directory), content=text)
    return Finding(
        state=State.FAIL,
        code=code,
        message=seeing.clean(f"{database.name}: {text}"),
        target=str(database.backups and database.backups.directory),
        citations=(evidence.whole(),),
        blocks=False,
    )


def _line(backup: Backup) -> str:
    modified = datetime.fromtimestamp(backup.modified_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{modified}  {backup.size_bytes:>14} bytes  {backup.path.name}"


def _judged(seen: _Seen) -> Iterator[Finding]:
    """Judge the newest file: what it is first, for of a file that is none the rest means little."""
    dump = None
    if seen.plan.format != "opaque":
        try:
            dump = _read(seen)
        except DumpBroken as broken:
            text = f"{seen.newest.path.name}, the newest backup, is no whole dump: {broken.text}"
            yield seen.finding(State.FAIL, f"backup.{broken.code}", text)
            return
        except FileUnusable as error:
            yield seen.finding(State.FAIL, f"backup.{unusable(error)}", error.text)
            return
    findings = [*_age(seen, dump), *_size(seen), *_room(seen), *(_content(seen, dump) if dump else ())]
    yield from findings or [_sound(seen, dump)]


def _read(seen: _Seen) -> Dump | None:
    ends_at = time.monotonic() + seen.seeing.seconds_left(at_most=READ_SECONDS)
    if seen.seeing.surroundings.is_container:
        return read_inside(seen.seeing, seen.database, seen.newest, ends_at=ends_at)
    return read_backup(seen.newest, ends_at=ends_at)


def _age(seen: _Seen, dump: Dump | None) -> Iterator[Finding]:
    schedule = seen.plan.every_hours
    warn, fail = (
        seen.seeing.threshold(
            name,
            times * schedule + SPARE_HOURS,
            unit="h",
            reference=f"{times} x {schedule:g} h + {SPARE_HOURS:g} h, ours",
        )
        for name, times in (("age_hours", 1), ("age_fail_hours", 2))
    )
    seconds = time.time() - seen.newest.modified_at
    if seconds < -SPARE_HOURS * HOUR:
        text = f"{seen.newest.path.name} is from the future by {-seconds / HOUR:.0f} h: a clock is wrong"
        yield seen.finding(State.WARN, "backup.in_future", text)
        return
    copied = ""
    if dump and dump.made_at and (inside := time.time() - dump.made_at.replace(tzinfo=UTC).timestamp()) > seconds + DAY:
        seconds, copied = inside, " by the time in its head, though the file is younger"
    hours = seconds / HOUR
    if hours >= warn.value:
        state, limit = (State.FAIL, fail) if hours >= fail.value else (State.WARN, warn)
        text = f"{seen.newest.path.name}, the newest backup, is {hours:.0f} h old{copied}"
        yield seen.finding(state, "backup.old", text, threshold=limit)


def _size(seen: _Seen) -> Iterator[Finding]:
    limit = seen.seeing.threshold("smallest_percent", SMALLEST_PERCENT, unit="%")
    key, size = f"size {seen.database.name}", seen.newest.size_bytes
    others = [one.size_bytes for one in seen.files[1:] if not one.is_folder or seen.newest.is_folder]
    learned = seen.seeing.baseline.usual(key)
    usual = median(others) if len(others) >= LEAST_FILES else learned.median if learned else None
    seen.seeing.learn(key, size)
    if usual and 100 * size / usual < limit.value:
        text = f"{seen.newest.path.name} has {size} bytes, {100 * size / usual:.0f} % of the usual {usual:.0f}"
        yield seen.finding(State.WARN, "backup.small", text, threshold=limit)


def _room(seen: _Seen) -> Iterator[Finding]:
    if seen.seeing.surroundings.is_container:
        return  # performance.disk looks at every mount of a container
    try:
        left = within(ANSWER_SECONDS, partial(file_system_of, seen.plan.directory)).available_bytes
    except (FileUnusable, TimeoutError):
        return  # gone since it was listed
    if left < seen.newest.size_bytes:
        text = f"{left} bytes are left at {seen.plan.directory}: the next backup, as large as this one, will not fit"
        yield seen.finding(State.WARN, "backup.no_room", text)


def _content(seen: _Seen, dump: Dump) -> Iterator[Finding]:
    if dump.kind == "sealed":
        yield seen.finding(State.WARN, "backup.sealed", f"{seen.newest.path.name}: {dump.note}")
    if dump.database and dump.database != seen.database.dbname:
        text = f"{seen.newest.path.name} is a dump of the database {dump.database}, not of {seen.database.dbname}"
        yield seen.finding(State.WARN, "backup.other_database", text, more=(_listing(seen, dump),))
    if dump.items and not dump.tables_with_data:
        text = f"{seen.newest.path.name} holds no data of any table, only {len(dump.items)} definitions"
        yield seen.finding(State.WARN, "backup.without_data", text, more=(_listing(seen, dump),))


def _sound(seen: _Seen, dump: Dump | None) -> Finding:
    age = (time.time() - seen.newest.modified_at) / HOUR
    text = f"{seen.newest.path.name} is {age:.1f} h old and has {seen.newest.size_bytes} bytes"
    if dump is None:
        return seen.finding(State.PASS, "backup.sound", f"{text}; it was not looked into, as its format is opaque")
    tables = f", {dump.tables_with_data} tables with data" if dump.items else ""
    note = f"; {dump.note}" if dump.note else ""
    return seen.finding(
        State.PASS, "backup.sound", f"{text}: a whole {dump.kind} dump{tables}{note}", more=(_listing(seen, dump),)
    )


def _listing(seen: _Seen, dump: Dump) -> Citation:
    made = dump.made_at.isoformat(sep=" ") if dump.made_at else "unknown"
    head = f"{dump.kind} dump of {dump.database or '?'}, made {made} (its own clock) from {dump.server_version or '?'}"
    lines = [head, *list(dump.listing())[:SHOWN_ITEMS]]
    if len(dump.items) > SHOWN_ITEMS:
        lines.append(f"... and {len(dump.items) - SHOWN_ITEMS} more")
    return seen.seeing.keep("command", source=f"table of contents of {seen.newest.path}", content=lines).whole()
