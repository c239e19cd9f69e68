"""DB-08: what PostgreSQL keeps, and what keeps it from tidying up.

Fail: `storage.wraparound` at an age of 1,400 million transactions (of rows, or of multixacts), warn at 1,300 million
[check_postgres, txn_wraparound]; fail: `storage.prepared`, a prepared transaction that has waited 30 s for its end,
warn after 1 s [check_postgres, prepared_txns]; fail: `storage.disk` at 95 %, warn at 90 % [check_postgres, disk_space],
of the disk that holds data directory, write-ahead log or a tablespace, where the server is a process of this machine
and the disk is not among those that performance.disk looks at. Warn: `storage.inactive_slot` (a replication slot that
nobody uses keeps the write-ahead log until the disk is full; with the bytes), `storage.slot_lost`, `storage.dead_rows`
(a table has more than twice as many dead rows as bring autovacuum, and 10,000 or more [ours]: autovacuum does not keep
up, or a long transaction holds it back), `storage.cache_hits` (less than 99 % of the blocks came from the cache
[PgHero], of 100,000 or more [ours] since the last good run). Pass: `storage.room`.
Thresholds: `age`, `age_fail`, `prepared_seconds`, `prepared_fail_seconds`, `disk_percent`, `disk_fail_percent`,
`dead_times`, `dead_rows`, `cache_hit_percent`, `cache_blocks`. Sizes of databases and of the write-ahead log are shown
with their growth; there is no limit for them. Dead rows and cache hits are those of the described databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.shares import share_of
from diagnostics.checks.watching import NO_DATABASES, server_name, servers, watchers_before, watching
from diagnostics.checks.written import written_folders
from diagnostics.probes.filesystems import FileSystem, file_system_of
from diagnostics.probes.patience import all_within
from diagnostics.probes.postgres_storage import Contents, Storage, contents_of, storage_of
from diagnostics.stack import Database, StackConfig

AGE, AGE_FAIL = 1.3e9, 1.4e9
PREPARED_SECONDS, PREPARED_FAIL_SECONDS = 1.0, 30.0
DEAD_TIMES, DEAD_ROWS = 2.0, 10_000.0
HIT_PERCENT, LEAST_BLOCKS = 99.0, 100_000.0
ANSWER_SECONDS = 3.0
DISK_SPACE, WRAPAROUND, PREPARED_TXNS = (
    f"check_postgres {name}" for name in ("disk_space", "txn_wraparound", "prepared_txns")
)
LOST = "lost"
SHOWN = 30


@dataclass(frozen=True, kw_only=True)
class StorageKept(Check):
    """Each database server once, and what is described of its databases."""

    slug: ClassVar[str] = "database.storage"
    title: ClassVar[str] = "PostgreSQL has room, and tidies up"
    suites: ClassVar[frozenset[str]] = frozenset({"database"})
    requires: ClassVar[tuple[str, ...]] = ("database.postgres_direct",)
    after: ClassVar[tuple[str, ...]] = watchers_before(slug)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a database is described."""
        return None if stack.databases else NO_DATABASES

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask every server, then every database."""
        yield from look_at_each(seeing, servers(seeing.stack), partial(_look_at_server, seeing), named=server_name)
        databases = seeing.stack.databases.values()
        yield from look_at_each(seeing, databases, partial(_look_at_database, seeing), named=lambda one: one.name)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Gives findings about one target, which cite one evidence."""

    seeing: Seeing
    target: str
    citation: Citation

    def graded(
        self, value: float, warn: Threshold, fail: Threshold, code: str, text: str, unit: str
    ) -> Iterator[Finding]:
        """Give a warning or a failure by two limits, nothing below both."""
        if value < warn.value:
            return
        state, limit = (State.FAIL, fail) if value >= fail.value else (State.WARN, warn)
        measured = {code.partition(".")[2]: (value, unit)}
        yield self.finding(state, code, text, measured=measured, threshold=limit)

    def finding(
        self,
        state: State,
        code: str,
        text: str,
        *,
        measured: dict[str, tuple[float, str]] | None = None,
        threshold: Threshold | None = None,
    ) -> Finding:
        """Give one finding."""
        return Finding(
            state=state,
            code=code,
            message=self.seeing.clean(f"{self.target}: {text}"),
            target=self.target,
            measured={name: Measurement(round(value, 1), unit) for name, (value, unit) in (measured or {}).items()},
            threshold=threshold,
            citations=(self.citation,),
            blocks=False,
        )


def _look_at_server(seeing: Seeing, database: Database) -> Iterator[Finding]:
    with watching(seeing, database) as connection:
        storage = storage_of(connection)
    target, disks = server_name(database), _disks(seeing, database, storage)
    lines = [*_lines(seeing, target, storage), *(f"disk {_disk_line(one)}" for one in disks)]
    source = f"{target}: pg_database, pg_replication_slots, pg_prepared_xacts, pg_ls_waldir()"
    judge = _Judge(seeing, target, seeing.keep("query_result", source=source, content=lines).whole())
    findings = [*_ages(judge, storage), *_prepared(judge, storage), *_slots(judge, storage), *_full(judge, disks)]
    yield from findings or [_room(judge, storage)]


def _lines(seeing: Seeing, target: str, storage: Storage) -> Iterator[str]:
    for one in storage.databases[:SHOWN]:
        size = "size not permitted" if one.size_bytes is None else f"{one.size_bytes:.0f} bytes"
        grown = _growth(seeing, f"size {target} {one.name}", one.size_bytes)
        yield f"database {one.name}: {size}{grown}, age {one.age:.0f}, multixact age {one.multixact_age:.0f}"
    wal = "not permitted" if storage.wal_bytes is None else f"{storage.wal_bytes:.0f} bytes"
    yield f"write-ahead log: {wal}{_growth(seeing, f'wal {target}', storage.wal_bytes)}"
    for slot in storage.slots[:SHOWN]:
        kept = "" if slot.kept_bytes is None else f", keeps {slot.kept_bytes:.0f} bytes of log"
        yield f"slot {slot.name} ({slot.kind}): {'active' if slot.active else 'inactive'}, {slot.status or '?'}{kept}"
    for prepared in storage.prepared[:SHOWN]:
        yield f"prepared {prepared.name} by {prepared.owner}@{prepared.database} {prepared.seconds:.0f} s ago"


def _growth(seeing: Seeing, key: str, value: float | None) -> str:
    if value is None:
        return ""
    before = seeing.baseline.last(key)
    seeing.learn(key, value)
    return "" if before is None else f" ({value - before:+.0f} since the last good run)"


def _ages(judge: _Judge, storage: Storage) -> Iterator[Finding]:
    threshold = partial(judge.seeing.threshold, unit="transactions", reference=WRAPAROUND)
    warn, fail = threshold("age", AGE), threshold("age_fail", AGE_FAIL)
    for one in storage.databases:
        age = max(one.age, one.multixact_age)
        text = f"the database {one.name} has rows {age / 1e6:.0f} million transactions old: vacuum before 2,000"
        yield from judge.graded(age, warn, fail, "storage.wraparound", text, "transactions")


def _prepared(judge: _Judge, storage: Storage) -> Iterator[Finding]:
    threshold = partial(judge.seeing.threshold, unit="s", reference=PREPARED_TXNS)
    warn = threshold("prepared_seconds", PREPARED_SECONDS)
    fail = threshold("prepared_fail_seconds", PREPARED_FAIL_SECONDS)
    for one in storage.prepared[:1]:  # the oldest
        more = f", and {len(storage.prepared) - 1} more" if len(storage.prepared) > 1 else ""
        text = f"the prepared transaction {one.name} of {one.owner} has waited {one.seconds:.0f} s for its end{more}"
        yield from judge.graded(one.seconds, warn, fail, "storage.prepared", text, "s")


def _slots(judge: _Judge, storage: Storage) -> Iterator[Finding]:
    for slot in storage.slots:
        if slot.status == LOST:
            text = f"the slot {slot.name} has lost log that it needs: its receiver must start anew"
            yield judge.finding(State.WARN, "storage.slot_lost", text)
        elif not slot.active:
            kept = slot.kept_bytes or 0.0
            text = f"nobody uses the replication slot {slot.name}: it keeps {kept:.0f} bytes of write-ahead log so far"
            yield judge.finding(State.WARN, "storage.inactive_slot", text, measured={"kept": (kept, "B")})


def _disks(seeing: Seeing, database: Database, storage: Storage) -> list[FileSystem]:
    """Give the disks of a server that is a process of this machine, without those of performance.disk."""
    service = seeing.stack.services.get(database.service)
    if seeing.stack.vantage != "process" or service is None or service.pid_file is None:
        return []
    seconds = seeing.seconds_left(at_most=ANSWER_SECONDS)
    known = all_within(seconds, written_folders(seeing.stack), file_system_of)
    devices = {system.device for system in known.values() if isinstance(system, FileSystem)}
    found = all_within(seconds, storage.places, file_system_of)
    systems = {one.device: one for one in found.values() if isinstance(one, FileSystem)}
    return [system for device, system in systems.items() if device not in devices]


def _disk_line(system: FileSystem) -> str:
    return f"{system.mount_point}: {system.used_bytes} bytes used, {system.available_bytes} left"


def _full(judge: _Judge, disks: list[FileSystem]) -> Iterator[Finding]:
    for one in disks:
        of = one.used_bytes + one.available_bytes
        share = share_of(judge.seeing, used=one.used_bytes, of=of, reference=DISK_SPACE, prefix="disk_")
        if share.state is not State.PASS:
            text = f"{one.mount_point}, where it keeps its data, is used to {share.percent:.1f} %"
            measured = {"share": (share.percent, "%")}
            yield judge.finding(share.state, "storage.disk", text, measured=measured, threshold=share.threshold)


def _room(judge: _Judge, storage: Storage) -> Finding:
    total = sum(one.size_bytes or 0.0 for one in storage.databases)
    measured = {"databases": (total, "B"), "write_ahead_log": (storage.wal_bytes or 0.0, "B")}
    text = f"{len(storage.databases)} databases of {total:.0f} bytes, write-ahead log of {storage.wal_bytes or 0:.0f}"
    return judge.finding(State.PASS, "storage.room", text, measured=measured)


def _look_at_database(seeing: Seeing, database: Database) -> Iterator[Finding]:
    with watching(seeing, database) as connection:
        contents = contents_of(connection)
    target = f"{server_name(database)}/{database.dbname}"
    lines = [f"blocks from the cache {contents.hits:.0f}, read {contents.reads:.0f} since the statistics were reset"]
    for table in contents.tables[:SHOWN]:
        vacuumed = table.vacuumed_at or "never"
        lines.append(f"{table.name}: {table.dead:.0f} dead of {table.live:.0f} rows, vacuumed {vacuumed}")
    source = f"{target}: pg_stat_user_tables, pg_stat_database"
    judge = _Judge(seeing, target, seeing.keep("query_result", source=source, content=lines).whole())
    yield from (*_dead_rows(judge, contents), *_cache_hits(judge, contents))


def _dead_rows(judge: _Judge, contents: Contents) -> Iterator[Finding]:
    times = judge.seeing.threshold("dead_times", DEAD_TIMES, unit="")
    least = judge.seeing.threshold("dead_rows", DEAD_ROWS, unit="rows")
    for table in contents.tables:
        if table.dead >= least.value and table.dead > times.value * table.vacuum_at:
            text = f"{table.name} has {table.dead:.0f} dead rows beside {table.live:.0f}: autovacuum does not keep up"
            measured = {"dead": (table.dead, "rows"), "vacuum_at": (table.vacuum_at, "rows")}
            yield judge.finding(State.WARN, "storage.dead_rows", text, measured=measured, threshold=times)


def _cache_hits(judge: _Judge, contents: Contents) -> Iterator[Finding]:
    limit = judge.seeing.threshold("cache_hit_percent", HIT_PERCENT, unit="%", reference="PgHero cache_hit_rate")
    least = judge.seeing.threshold("cache_blocks", LEAST_BLOCKS, unit="blocks")
    hits, reads = (_added(judge, name, value) for name, value in (("hits", contents.hits), ("reads", contents.reads)))
    percent = 100 * hits / (hits + reads) if hits + reads else 100.0
    if hits + reads >= least.value and percent < limit.value:
        text = (
            f"{percent:.1f} % of {hits + reads:.0f} blocks came from the cache: memory is short, or tables are scanned"
        )
        measured = {"cache_hits": (percent, "%"), "blocks": (hits + reads, "")}
        yield judge.finding(State.WARN, "storage.cache_hits", text, measured=measured, threshold=limit)


def _added(judge: _Judge, name: str, value: float) -> float:
    """Give what was added since the last good run, or everything, also after a reset."""
    before = judge.seeing.baseline.last(f"{name} {judge.target}")
    judge.seeing.learn(f"{name} {judge.target}", value)
    return value - before if before is not None and before <= value else value
