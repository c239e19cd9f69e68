"""Hashes over many entries are stored as the tree grows, made again where lost, and lead to what was signed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import psycopg
import pytest

from awe_incidents.audit import merkle
from awe_incidents.audit.errors import AwaitsSignature, HashesMissing, ProofRefused, TrailBroken
from awe_incidents.audit.log_rows import bodies
from awe_incidents.audit.log_tree import LogTree
from awe_incidents.audit.processes import connect, run_sequencer
from tests.api.trail import Signing
from tests.audit import rows
from tests.audit.test_processes import until

pytestmark = pytest.mark.django_db(transaction=True)
SUBTREES = "SELECT level, index, root FROM audit_subtree ORDER BY level, index"


def test_a_large_log_is_proved_from_few_rows_and_lost_hashes_are_made_again(
    connection: psycopg.Connection, signing: Signing
) -> None:
    rows.insert_many(66_000)
    signing.sign()
    leaves = [merkle.leaf_hash(body) for body in bodies(connection, 0, 66_000)]
    kept = connection.execute(SUBTREES).fetchall()
    assert [(level, index) for level, index, _ in kept] == [*((1, index) for index in range(257)), (2, 0)]
    for index in (0, 255, 256, 65_535, 65_536, 65_999):
        (entry,) = bodies(connection, index, index + 1)
        proof = LogTree(connection).prove_entry(index, entry=entry)
        merkle.verify_inclusion(
            hash_of_leaf=leaves[index],
            index=index,
            size=66_000,
            proof=proof.hashes,
            root=LogTree(connection).checkpoint.root,
        )
    rows.tamper("DELETE FROM audit_subtree WHERE index IN (0, 7, 256)")
    with pytest.raises(HashesMissing):
        LogTree(connection).prove_entry(65_999, entry=entry)
    stopping = Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run_sequencer, partial(connect, rows.url_of(rows.APPLICATION), name="test"), stopping=stopping)
        try:
            until(lambda: connection.execute(SUBTREES).fetchall() == kept)
        finally:
            stopping.set()


@pytest.mark.parametrize("statement", ["UPDATE audit_subtree SET root = sha256('x')", "DELETE FROM audit_leaf"])
def test_a_hash_that_was_changed_proves_nothing(
    connection: psycopg.Connection, signing: Signing, statement: str
) -> None:
    rows.insert_many(600)
    signing.sign()
    (entry,) = bodies(connection, 599, 600)
    rows.tamper(statement)
    with pytest.raises(TrailBroken):
        LogTree(connection).prove_entry(599, entry=entry)
    with pytest.raises(TrailBroken):
        LogTree(connection).prove_consistency(old_size=300, new_size=600)


def test_where_an_entry_is_gone_its_hashes_stay_away(connection: psycopg.Connection, signing: Signing) -> None:
    rows.insert_many(600)
    signing.sign()
    rows.tamper("DELETE FROM audit_subtree", "DELETE FROM audit_leaf WHERE index = 5")
    signing.fill()
    assert [index for _, index, _ in connection.execute(SUBTREES)] == [1]


def test_an_entry_of_another_place_is_not_proved(connection: psycopg.Connection, signing: Signing) -> None:
    rows.insert_many(10)
    signing.sign()
    (entry,) = bodies(connection, 3, 4)
    with pytest.raises(TrailBroken):
        LogTree(connection).prove_entry(4, entry=entry)
    with pytest.raises(AwaitsSignature):
        LogTree(connection).prove_entry(10, entry=entry)


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5), (5, 11), (-1, 5)])
def test_sizes_that_allow_no_proof_are_refused(
    connection: psycopg.Connection, signing: Signing, old: int, new: int
) -> None:
    rows.insert_many(10)
    signing.sign()
    with pytest.raises(ProofRefused):
        LogTree(connection).prove_consistency(old_size=old, new_size=new)


def test_there_is_no_log_before_a_signature(connection: psycopg.Connection) -> None:
    with pytest.raises(AwaitsSignature, match="is the signer running"):
        LogTree(connection)


def test_what_stands_in_the_place_of_the_note_is_told_of(connection: psycopg.Connection, signing: Signing) -> None:
    rows.insert_many(1)
    signing.sign()
    rows.tamper("UPDATE audit_checkpoint SET note = 'nonsense'")
    with pytest.raises(TrailBroken, match="checkpoint"):
        LogTree(connection)


def test_only_the_signer_says_which_keys_are_the_logs(connection: psycopg.Connection, signing: Signing) -> None:
    signing.publish_keys()
    for statement in (
        "INSERT INTO audit_logkey (vkey) VALUES ('x')",
        "UPDATE audit_logkey SET vkey = 'x'",
        "DELETE FROM audit_logkey",
        "UPDATE audit_subtree SET index = 5",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
