"""Every committed entry gets one place, without gaps, whoever is late, killed, rolled back or there twice."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg
import pytest

from awe_incidents.audit import merkle
from awe_incidents.audit.errors import SequenceMissing
from awe_incidents.audit.log_rows import bodies, log_head
from awe_incidents.audit.processes import connect, run_sequencer
from awe_incidents.audit.sequencer import BATCH, Batch, entries_wait, sequence_entries
from tests.audit import rows

pytestmark = pytest.mark.django_db(transaction=True)


def drain(connection: psycopg.Connection, *, limit: int = BATCH) -> int:
    """Sequence until nothing waits; give how many got a place."""
    added = 0
    while entries_wait(connection):
        added += sequence_entries(connection, limit=limit).added
    return added


def check_tree(connection: psycopg.Connection) -> None:
    head = log_head(connection)
    assert head.root == merkle.root_of(bodies(connection, 0, head.size))


def test_an_empty_trail_is_an_empty_tree(connection: psycopg.Connection) -> None:
    assert sequence_entries(connection) == Batch(0, 0, is_last=True)
    assert log_head(connection).root == merkle.EMPTY_ROOT
    assert sequence_entries(connection, looks_at_everything=True) == Batch(0, 0, is_last=True)


@pytest.mark.parametrize("limit", [1, 2, 7, 8, 100])
def test_entries_get_their_places_in_batches(connection: psycopg.Connection, limit: int) -> None:
    rows.insert(connection, *range(8))
    assert drain(connection, limit=limit) == 8
    assert rows.numbers_in_order(connection) == list(range(8))
    rows.insert(connection, 8)
    assert sequence_entries(connection, limit=limit).size == 9
    check_tree(connection)


def test_the_entries_of_one_change_stand_together(connection: psycopg.Connection) -> None:
    with rows.connected() as other, connection.transaction(), other.transaction():
        rows.insert(connection, 0)
        rows.insert(other, 10)
        rows.insert(connection, 1)
        rows.insert(other, 11)
    drain(connection)
    assert rows.numbers_in_order(connection) == [0, 1, 10, 11]


def test_who_commits_late_is_not_passed_over(connection: psycopg.Connection) -> None:
    with rows.connected() as late:
        with late.transaction():
            rows.insert(late, 100)
            for number in range(5):  # each is seen, and looked behind
                rows.insert(connection, number)
                assert drain(connection) == 1
        assert drain(connection) == 1
    assert rows.numbers_in_order(connection) == [0, 1, 2, 3, 4, 100]


def test_who_commits_late_in_the_middle_of_a_long_look_is_not_passed_over(connection: psycopg.Connection) -> None:
    with rows.connected() as late:
        with late.transaction():
            rows.insert(late, 100)
            rows.insert(connection, *range(6))
            assert sequence_entries(connection, limit=2) == Batch(2, 2, is_last=False)
        rows.insert(connection, 6)
        drain(connection, limit=2)
    assert sorted(rows.numbers_in_order(connection)) == [0, 1, 2, 3, 4, 5, 6, 100]


def test_a_subtransaction_that_was_rolled_back_leaves_no_gap(connection: psycopg.Connection) -> None:
    with connection.transaction():
        rows.insert(connection, 0)
        with connection.transaction(force_rollback=True):
            rows.insert(connection, 1)
        rows.insert(connection, 2)
    drain(connection)
    assert rows.numbers_in_order(connection) == [0, 2]


def test_a_long_transaction_does_not_make_looks_longer(connection: psycopg.Connection) -> None:
    """The snapshot names it, so what was committed since it began is not looked at again."""
    with rows.connected() as late, late.transaction():
        rows.insert(late, 1000)
        rows.insert(connection, *range(300))
        drain(connection)
        state = connection.execute("SELECT seen FROM audit_sequence").fetchone()
        assert state is not None
        (since,) = connection.execute(
            "SELECT count(*) FROM audit_entry WHERE xid >= pg_snapshot_xmax(%s::pg_snapshot)", state
        ).fetchone() or (None,)
        assert since == 0


def test_nothing_is_written_while_nothing_waits(connection: psycopg.Connection) -> None:
    rows.insert(connection, 0)
    drain(connection)
    before = connection.execute("SELECT xmin, ctid FROM audit_sequence").fetchone()
    assert sequence_entries(connection) == Batch(0, 1, is_last=True)
    assert connection.execute("SELECT xmin, ctid FROM audit_sequence").fetchone() == before


def test_entries_of_before_there_were_numbers_of_transactions_come_by_id(connection: psycopg.Connection) -> None:
    rows.insert(connection, *range(20))
    rows.tamper("UPDATE audit_entry SET xid = '3'")  # as the migration leaves them: one number for all
    assert drain(connection, limit=6) == 20
    assert rows.numbers_in_order(connection) == list(range(20))


def test_a_look_goes_on_in_the_order_of_numbers_and_not_of_their_digits(connection: psycopg.Connection) -> None:
    rows.insert(connection, *range(12))
    rows.tamper("UPDATE audit_entry SET xid = (97 + id / 2)::text::xid8")  # 97 to 103
    assert drain(connection, limit=3) == 12
    assert rows.numbers_in_order(connection) == list(range(12))


def test_a_dump_restored_into_another_server_is_looked_at_as_a_whole(connection: psycopg.Connection) -> None:
    """Its transactions count from another number, so what came later can seem to be of before."""
    rows.insert(connection, 0)
    drain(connection)
    rows.insert(connection, 1)
    rows.tamper("UPDATE audit_sequence SET seen = '9000000000:9000000000:'")
    assert not entries_wait(connection)
    assert sequence_entries(connection, looks_at_everything=True) == Batch(1, 2, is_last=True)
    rows.insert(connection, 2)
    assert drain(connection) == 1


def test_two_sequencers_at_once_give_each_entry_one_place(connection: psycopg.Connection) -> None:
    rows.insert(connection, *range(500))

    def work(_: int) -> int:
        with rows.connected() as own:
            return drain(own, limit=7)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 500
    assert rows.numbers_in_order(connection) == list(range(500))
    check_tree(connection)


def test_sixteen_writers_with_rollbacks_make_a_contiguous_log(connection: psycopg.Connection) -> None:
    stopping = Event()

    def write(writer: int) -> list[int]:
        chance, kept = random.Random(writer), []
        with rows.connected() as own:
            for turn in range(40):
                numbers = [writer * 1000 + turn * 10 + step for step in range(chance.randint(1, 3))]
                goes_back = chance.random() < 0.4
                with own.transaction(force_rollback=goes_back):
                    for number in numbers:
                        rows.insert(own, number)
                        own.execute("SELECT pg_sleep(%s)", [chance.random() * 0.005])
                kept += [] if goes_back else numbers
        return kept

    with ThreadPoolExecutor(18) as pool:
        for _ in range(2):
            pool.submit(run_sequencer, lambda: connect(rows.url_of(rows.APPLICATION), name="test"), stopping=stopping)
        try:
            kept = [number for numbers in pool.map(write, range(16)) for number in numbers]
        finally:
            stopping.set()
    drain(connection)
    assert sorted(rows.numbers_in_order(connection)) == sorted(kept)
    check_tree(connection)


def test_a_lost_state_is_told(connection: psycopg.Connection) -> None:
    rows.tamper("DELETE FROM audit_sequence")
    for ask in (sequence_entries, log_head):
        with pytest.raises(SequenceMissing):
            ask(connection)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_sequence",
        "TRUNCATE audit_sequence",
        "INSERT INTO audit_sequence DEFAULT VALUES",
        "UPDATE audit_leaf SET index = 7",
        "DELETE FROM audit_leaf",
        "TRUNCATE audit_leaf",
        "INSERT INTO audit_checkpoint (size, root, note, signed_at) VALUES (1, '', '', now())",
        "UPDATE audit_entry SET xid = '1'",
    ],
)
def test_the_application_cannot_take_a_place_back(connection: psycopg.Connection, statement: str) -> None:
    rows.insert(connection, 0)
    drain(connection)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_there_is_one_row_to_lock(connection: psycopg.Connection) -> None:
    with rows.connected(rows.SUPERUSER) as owner, pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("INSERT INTO audit_sequence (id) VALUES (2)")
