"""What PostgreSQL, PgBouncer and Valkey really say when they are provoked, and that they are quiet when well."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from diagnostics.signatures import all_signatures, known_lines
from tests.diagnostics.brokers import running_broker
from tests.diagnostics.databases import NEEDS_PGBOUNCER, PGBOUNCER, Server, running_pooler, running_server, wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


def ids_in(text: str) -> set[str]:
    return {one for _, ids in known_lines().hits(text) for one in ids}


def refusal(provoke: Callable[[], object]) -> str:
    """Give what a program logs of an error that a client met."""
    with pytest.raises((psycopg.Error, redis.RedisError)) as refused:
        provoke()
    return f"ERROR api: {type(refused.value).__module__}.{type(refused.value).__name__}: {refused.value}"


def client(server: Server, **more: str) -> psycopg.Connection:
    given = {"host": "127.0.0.1", "dbname": server.dbname, "user": "clerk", "password": "the-till-is-open"}
    return psycopg.connect(**{**given, "port": server.cluster.port, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "id_"),
    [
        ({"password": "wrong"}, "PG-01"),
        ({"dbname": "nowhere"}, "PG-04"),
        ({"sslmode": "require"}, "PG-26"),
        ({"port": "1"}, "PG-27"),
        ({"host": "no.such.invalid"}, "OS-05"),
    ],
)
def test_clients_that_postgresql_does_not_let_in(server: Server, more: dict[str, str], id_: str) -> None:
    said = refusal(lambda: client(server, **more))
    if id_ == "OS-05" and "OS-04" in ids_in(said):
        return  # a machine without a name server says so instead
    assert id_ in ids_in(said)


@pytest.mark.parametrize(
    ("statements", "id_"),
    [
        (["SELECT * FROM nowhere"], "PG-17"),
        (["SET statement_timeout = 20", "SELECT pg_sleep(1)"], "PG-13"),
        (["SET default_transaction_read_only = on", "CREATE TABLE drawer (id int)"], "PG-18"),
        (["SELECT pg_terminate_backend(pg_backend_pid())"], "PG-16"),
        (["SET ROLE watcher", "SELECT * FROM entries"], "PG-37"),
        (["PREPARE one AS SELECT 1", "PREPARE one AS SELECT 1"], "PB-09"),
    ],
)
def test_statements_that_postgresql_refuses(server: Server, statements: list[str], id_: str) -> None:
    def provoke() -> None:
        with server.superuser() as connection:
            connection.autocommit = True
            for statement in statements:
                connection.execute(statement)

    assert id_ in ids_in(refusal(provoke))


def test_a_lock_that_is_not_had_in_time(server: Server) -> None:
    with server.client() as holder, server.client() as waiter, holder.transaction():
        holder.execute("LOCK entries")
        waiter.execute("SET lock_timeout = 20")
        assert "PG-14" in ids_in(refusal(lambda: waiter.execute("SELECT * FROM entries")))


@pytest.mark.skipif(PGBOUNCER is None, reason=NEEDS_PGBOUNCER)
def test_what_the_pooler_says_of_clients_and_of_its_server(server: Server) -> None:
    doors = {"shut": "host=127.0.0.1 port=1", "absent": f"host=127.0.0.1 port={server.cluster.port}"}
    with running_pooler(server, doors=doors, query_wait_timeout="1") as door:
        log = door.alone.log
        with door.client() as well:
            well.execute("SELECT 1")
        assert {one for one in ids_in(log.read_text()) if not all_signatures()[one].ordinary} == set()
        told = {
            "PB-03": lambda: door.client(dbname="shut"),
            "PB-07": lambda: door.client(dbname="nowhere"),
            "PG-04": lambda: door.client(dbname="absent"),
            "PB-01": lambda: client(server, port=str(door.pooler.port), password="wrong"),
        }
        assert {id_: id_ in ids_in(refusal(provoke)) for id_, provoke in told.items()} == dict.fromkeys(told, True)
        wait_until(lambda: {*told, "PB-02"} <= ids_in(log.read_text()))


def impatient(port: int, **more: str) -> redis.Redis:
    """Give a client that does not try again."""
    return redis.Redis(port=port, retry=Retry(NoBackoff(), 0), **more)  # type: ignore[arg-type]


def test_what_valkey_says_to_clients() -> None:
    with running_broker(maxclients="20") as broker:
        well = broker.client()
        well.ping()
        said = {
            "RD-01": lambda: impatient(broker.port).ping(),
            "RD-02": lambda: impatient(broker.port, password="wrong").ping(),
            "RD-13": lambda: impatient(1).ping(),
            "RD-14": lambda: impatient(broker.port, username="guest", password="guest").get("x"),
            "RD-03": lambda: well.set("a", "b"),
        }
        well.execute_command("ACL SETUSER guest on >guest -@all +ping")  # type: ignore[no-untyped-call]
        well.config_set("maxmemory", "1")
        assert {id_: id_ in ids_in(refusal(provoke)) for id_, provoke in said.items()} == dict.fromkeys(said, True)


def test_programs_that_are_well_say_nothing_that_troubles() -> None:
    with running_server() as server, running_broker() as broker:
        with server.client() as connection:
            connection.execute("SELECT count(*) FROM entries")
        broker.client().ping()
        said = (server.root / "postgres.log").read_text() + (broker.root / "valkey.log").read_text()
    assert said.count("\n") > 5
    assert {one for one in ids_in(said) if not all_signatures()[one].ordinary} == set()
