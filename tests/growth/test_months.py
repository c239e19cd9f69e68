"""Tables that are parted by month: ids, months made ahead, months missing, guards on every month."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from structlog.testing import capture_logs

from awe_incidents import monthly, rows
from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.growth import operations, tasks
from awe_incidents.incidents.models import BugReport, TimelineEntry
from awe_incidents.incidents.operations import file_bug_report
from diagnostics.models import CheckResult, Evidence, Run, Stack
from diagnostics.operations import start_run
from tests import database

MONTHLY = [
    "diagnostics_checkresult",
    "diagnostics_evidence",
    "incidents_bugreport",
    "incidents_reportprefill",
    "incidents_timelineentry",
]
NOW = monthly.month_of(timezone.now())
LONG_AGO = monthly.months_later(NOW, -1)


@pytest.fixture
def owner(transactional_db: None) -> Iterator[psycopg.Connection]:
    """The owner of the tables, beside the application's connection."""
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as opened:
        opened.execute("SET role incidents_owner")
        yield opened


def file(stack: Stack, user: User) -> tuple[BugReport, Run]:
    by = Actor(kind="user", name=user.username, user_id=user.pk)
    fields = {"environment": "Development", "actual_behavior": "It hangs."}
    filed = file_bug_report(stack=stack, fields=fields, reporter=user, by=by, at=timezone.now())
    return filed.report, filed.run


def parts(cursor: psycopg.Connection, table: str) -> list[str]:
    found = cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [table])
    return [name for (name,) in found]


def turn_back(owner: psycopg.Connection, table: str) -> None:
    """Let the sequence stand where it would when the last row came in the month before."""
    owner.execute("SELECT setval(%s, %s)", [f"{table}_id_seq", monthly.first_id(LONG_AGO) + 77])


@pytest.mark.parametrize(
    ("month", "number", "expected"), [(202611, 3, 202702), (202601, -1, 202512), (202612, 0, 202612)]
)
def test_months_are_counted_over_the_turn_of_years(month: int, number: int, expected: int) -> None:
    assert monthly.months_later(month, number) == expected


def test_a_month_is_one_of_utc() -> None:
    at = datetime.fromisoformat("2026-12-01T00:30:00+01:00")
    assert monthly.month_of(at) == 202611
    assert monthly.month_of(datetime(2026, 12, 1, tzinfo=UTC)) == 202612


def test_ids_carry_their_month_and_stay_exact_in_json(stack: Stack, reporter: User) -> None:
    report, run = file(stack, reporter)
    start_run(run_id=run.pk, at=timezone.now())

    ids = [report.pk, *TimelineEntry.objects.values_list("pk", flat=True)]
    ids += CheckResult.objects.values_list("pk", flat=True)
    assert len(ids) > 10
    assert all(monthly.first_id(NOW) < one < monthly.first_id(monthly.months_later(NOW, 1)) < 2**53 for one in ids)


@pytest.mark.parametrize("table", MONTHLY)
def test_this_month_and_the_next_three_are_there_from_the_start(owner: psycopg.Connection, table: str) -> None:
    months = [monthly.months_later(NOW, ahead) for ahead in range(operations.MONTHS_AHEAD + 1)]
    assert {f"{table}_{month}" for month in months} | {f"{table}_default"} == set(parts(owner, table))


def test_making_months_again_makes_none(db: None) -> None:
    assert operations.make_months(at=timezone.now()) == 0


def test_the_task_makes_what_is_missing(owner: psycopg.Connection) -> None:
    last = monthly.months_later(NOW, operations.MONTHS_AHEAD)
    owner.execute(f"DROP TABLE incidents_bugreport_{last}")

    tasks.make_months(unknown="keyword")

    assert f"incidents_bugreport_{last}" in parts(owner, "incidents_bugreport")


def test_somebody_who_holds_a_table_is_waited_for_a_second_only(owner: psycopg.Connection) -> None:
    last = monthly.months_later(NOW, operations.MONTHS_AHEAD)
    owner.execute(f"DROP TABLE incidents_bugreport_{last}")
    with owner.transaction(), capture_logs() as said:
        owner.execute("LOCK TABLE incidents_bugreport IN ACCESS EXCLUSIVE MODE")
        tasks.make_months()
    assert [one["event"] for one in said] == ["no months made, the next hour will"]

    tasks.make_months()
    assert f"incidents_bugreport_{last}" in parts(owner, "incidents_bugreport")


def test_at_the_turn_of_a_month_ids_go_on_and_none_is_given_twice(owner: psycopg.Connection) -> None:
    turn_back(owner, "incidents_bugreport")

    def take(_: int) -> list[int]:
        try:
            return [rows.reserve_ids(BugReport)[0] for _ in range(50)]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(8)))

    assert all(ids == sorted(ids) for ids in taken)
    flat = sorted(one for ids in taken for one in ids)
    assert len(set(flat)) == 400
    assert flat[0] > monthly.first_id(NOW)


def test_ids_never_go_back_when_the_clock_does(owner: psycopg.Connection) -> None:
    ahead = monthly.first_id(monthly.months_later(NOW, 1)) + 5  # as it stood before the clock was set back
    owner.execute("SELECT setval('incidents_bugreport_id_seq', %s)", [ahead])

    assert rows.reserve_ids(BugReport) == [ahead + 1]


def test_filing_goes_on_without_its_month_and_the_rows_get_it_later(
    owner: psycopg.Connection, stack: Stack, reporter: User
) -> None:
    for table in MONTHLY:
        owner.execute(f"DROP TABLE {table}_{NOW}")
    report, run = file(stack, reporter)
    start_run(run_id=run.pk, at=timezone.now())
    assert operations.rows_outside_months().keys() == set(MONTHLY) - {"diagnostics_evidence"}

    with capture_logs() as said:
        tasks.make_months()

    assert [one["event"] for one in said] == ["months made"]
    assert operations.rows_outside_months() == {}
    assert BugReport.objects.get(pk=report.pk).actual_behavior == "It hangs."
    assert TimelineEntry.objects.count() == 3
    for table in MONTHLY:
        assert {f"{table}_{NOW}", f"{table}_default"} < set(parts(owner, table))
    file(stack, reporter)
    assert operations.rows_outside_months() == {}
    with pytest.raises(IntegrityError), transaction.atomic():
        CheckResult.objects.create(run=run, slug=CheckResult.objects.values_list("slug", flat=True)[0], version=1)


def test_rows_that_belong_to_no_month_raise_an_alarm(owner: psycopg.Connection, stack: Stack, reporter: User) -> None:
    report, _ = file(stack, reporter)
    owner.execute(
        "INSERT INTO incidents_timelineentry (id, incident_id, kind, text, actor, data, occurred_at)"
        " VALUES (5, %s, 'note', 'x', 'x', '{}', now())",
        [report.incident_id],
    )
    with capture_logs() as said:
        tasks.make_months()
    assert [(one["log_level"], one["table"], one["rows"]) for one in said] == [("error", "incidents_timelineentry", 1)]


def test_months_that_were_missed_for_long_become_one_partition(
    owner: psycopg.Connection, stack: Stack, reporter: User
) -> None:
    report, _ = file(stack, reporter)
    first, last = monthly.months_later(NOW, 10), monthly.months_later(NOW, 12)
    for month in (first, last):
        owner.execute(
            "INSERT INTO incidents_timelineentry (id, incident_id, kind, text, actor, data, occurred_at)"
            " VALUES (%s, %s, 'note', 'x', 'x', '{}', now())",
            [monthly.first_id(month) + 1, report.incident_id],
        )

    assert operations.make_months(at=timezone.now()) == 1
    assert operations.rows_outside_months() == {}
    owner.execute("SELECT make_months(%s, %s)", [first, last])  # the covered month between gets none of its own
    names = parts(owner, "incidents_timelineentry")
    assert f"incidents_timelineentry_{first}" in names
    assert f"incidents_timelineentry_{last}" not in names


@pytest.mark.parametrize("table", MONTHLY)
def test_nobody_reaches_a_month_but_through_its_table(owner: psycopg.Connection, table: str) -> None:
    for part in parts(owner, table):
        for statement in ("TABLE {}", "DELETE FROM {}", "UPDATE {} SET id = id", "TRUNCATE {}"):
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(statement.format(part))


def test_histories_are_append_only_in_every_month_for_the_owner_too(
    owner: psycopg.Connection, stack: Stack, reporter: User
) -> None:
    report, _ = file(stack, reporter)
    operations.make_months(at=timezone.now(), back=2)
    for ahead in range(-2, operations.MONTHS_AHEAD + 1):
        month = monthly.months_later(NOW, ahead)
        owner.execute(
            "INSERT INTO incidents_timelineentry (id, incident_id, kind, text, actor, data, occurred_at)"
            " VALUES (%s, %s, 'note', 'x', 'x', '{}', now())",
            [monthly.first_id(month) + 10**6, report.incident_id],
        )
    for part in parts(owner, "incidents_timelineentry"):
        fires = owner.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [part]
        ).fetchall()
        assert sorted(fires) == [
            ("incidents_timelineentry_no_change", "A"),
            ("incidents_timelineentry_no_truncate", "A"),
        ], part
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            owner.execute(f"TRUNCATE {part}")
    for statement in ("UPDATE {} SET text = 'y'", "DELETE FROM {}"):
        for ahead in range(-2, operations.MONTHS_AHEAD + 1):
            part = f"incidents_timelineentry_{monthly.months_later(NOW, ahead)}"
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                owner.execute(statement.format(part))


def test_the_months_of_a_table_are_alike(owner: psycopg.Connection) -> None:
    for table in MONTHLY:
        kinds = {part: _kinds_of_indexes(owner, part) for part in parts(owner, table)}
        assert len({tuple(one) for one in kinds.values()}) == 1, kinds
        is_unique = [unique for unique, _ in next(iter(kinds.values()))]
        assert sum(is_unique) == (2 if table.startswith("diagnostics") else 1), table


def _kinds_of_indexes(owner: psycopg.Connection, part: str) -> list[tuple[bool, str]]:
    return owner.execute(
        "SELECT indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING .*') FROM pg_index"
        " WHERE indrelid = %s::regclass ORDER BY 2, 1",
        [part],
    ).fetchall()


def test_a_result_and_a_key_of_evidence_stay_unique(stack: Stack, reporter: User) -> None:
    _, run = file(stack, reporter)
    start_run(run_id=run.pk, at=timezone.now())
    one = CheckResult.objects.order_by("pk")[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        CheckResult.objects.create(run=run, slug=one.slug, version=1)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO diagnostics_evidencetext VALUES (repeat('0', 64), '', 0, 0)")
    Evidence.objects.create(result=one, key="e1", kind="x", source="", text_id="0" * 64)
    with pytest.raises(IntegrityError), transaction.atomic():
        Evidence.objects.create(result=one, key="e1", kind="x", source="", text_id="0" * 64)


@pytest.mark.parametrize(
    "call",
    [
        "make_month('incidents_bugreport', '2020-01-01')",
        "mend_default('incidents_bugreport')",
        "make_partition('x', 'incidents_bugreport', 'incidents_bugreport')",
    ],
)
def test_the_application_may_ask_for_whole_months_only(db: None, call: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(f"SELECT {call}")


@pytest.mark.parametrize(
    ("first", "last"),
    [(202613, 202701), (202612, 202611), (0, 202611), (190001, 202611), (202600, 202611), (202001, 999999)],
)
def test_months_that_are_none_are_refused(db: None, first: int, last: int) -> None:
    with pytest.raises(DatabaseError, match="months are made from"), transaction.atomic():
        connection.cursor().execute("SELECT make_months(%s, %s)", [first, last])


def test_other_sequences_cannot_be_moved_on(db: None) -> None:
    with pytest.raises(DatabaseError, match="does not count"), transaction.atomic():
        connection.cursor().execute("SELECT begin_month('audit_entry_id_seq')")
