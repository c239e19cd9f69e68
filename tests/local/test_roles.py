"""What each database role can do, and above all what it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from awe_incidents.local import roles
from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.roles import APP, MIGRATOR, READONLY, SIGNER, SuperuserLogin

Passwords = dict[str, str]


class As:
    """Connections of each role to the sample database."""

    def __init__(self, cluster: PostgresCluster, passwords: Passwords) -> None:
        self._cluster = cluster
        self._passwords = passwords

    def __call__(self, role: str, statement: str, *, database: str = "sample") -> list[tuple[object, ...]]:
        url = self._cluster.url(role=role, password=self._passwords[role], database=database)
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def run(cluster: PostgresCluster, passwords: Passwords) -> Iterator[As]:
    """A table made by the migrator, as migrations make them."""
    run = As(cluster, passwords)
    run(MIGRATOR, "CREATE TABLE report (id bigint GENERATED ALWAYS AS IDENTITY, number serial, text text)")
    yield run
    run(MIGRATOR, "DROP TABLE IF EXISTS report")


def test_what_the_migrator_makes_belongs_to_the_owner(run: As) -> None:
    assert run(MIGRATOR, "SELECT tableowner FROM pg_tables WHERE tablename = 'report'") == [("incidents_owner",)]
    assert run(MIGRATOR, "SELECT session_user::text, current_user::text") == [(MIGRATOR, "incidents_owner")]


def test_the_application_reads_and_writes_rows(run: As) -> None:
    run(APP, "INSERT INTO report (text) VALUES ('a'), ('b')")
    run(APP, "UPDATE report SET text = 'c' WHERE text = 'a'")
    run(APP, "DELETE FROM report WHERE text = 'b'")
    assert run(APP, "SELECT text FROM report FOR UPDATE") == [("c",)]


def test_the_application_owns_nothing(run: As) -> None:
    owned = (
        "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid WHERE deptype = 'o' AND rolname = "
    )
    assert run(APP, f"{owned}'{APP}'") == [(0,)]
    assert run(APP, f"{owned}'incidents_owner'") != [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE report",
        "DROP TABLE report",
        "ALTER TABLE report ADD COLUMN more text",
        "ALTER TABLE report DISABLE TRIGGER ALL",
        "CREATE INDEX ON report (text)",
        "CREATE TRIGGER t BEFORE INSERT ON report EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION pg_stat_statements",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "ALTER ROLE incidents_app SUPERUSER",
        "SET ROLE incidents_owner",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_replication_role = replica",
        "SELECT * FROM pg_authid",
        "COPY report TO PROGRAM 'cat'",
        "COPY report TO '/tmp/stolen'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
        "ALTER SYSTEM SET fsync = off",
    ],
)
def test_the_application_may_not(run: As, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        run(APP, statement)


@pytest.mark.parametrize("role", [APP, MIGRATOR, SIGNER, READONLY])
@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_nobody_gets_into_the_servers_own_databases(run: As, role: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        run(role, "SELECT 1", database=database)


def test_the_reader_reads_only(run: As) -> None:
    run(APP, "INSERT INTO report (text) VALUES ('a')")
    assert run(READONLY, "SELECT text FROM report") == [("a",)]
    with pytest.raises(ReadOnlySqlTransaction):
        run(READONLY, "DELETE FROM report")
    with pytest.raises(InsufficientPrivilege):
        run(READONLY, "BEGIN READ WRITE; DELETE FROM report; COMMIT")


def test_the_signer_gets_nothing_by_itself(run: As) -> None:
    with pytest.raises(InsufficientPrivilege):
        run(SIGNER, "SELECT * FROM report")


def test_a_grant_by_the_application_gives_nothing(run: As) -> None:
    run(APP, "GRANT ALL ON report TO PUBLIC")  # the server only warns
    with pytest.raises(InsufficientPrivilege):
        run(SIGNER, "SELECT * FROM report")


def test_the_migrator_is_no_superuser_and_makes_no_databases(run: As) -> None:
    for statement in ("CREATE DATABASE mine", "CREATE ROLE mine", "SELECT * FROM pg_authid"):
        with pytest.raises(InsufficientPrivilege):
            run(MIGRATOR, statement)


def test_the_owner_cannot_log_in(cluster: PostgresCluster) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|not permitted to log in"):
        psycopg.connect(cluster.url(role="incidents_owner", password="x", database="sample"), connect_timeout=5)


def test_making_it_all_again_changes_nothing(cluster: PostgresCluster, passwords: Passwords, run: As) -> None:
    run(APP, "INSERT INTO report (text) VALUES ('kept')")
    roles.create_roles(cluster, passwords)
    roles.create_database(cluster, "sample")
    assert run(APP, "SELECT text FROM report") == [("kept",)]


def test_a_new_password_replaces_the_old_one(cluster: PostgresCluster, passwords: Passwords, run: As) -> None:
    roles.create_roles(cluster, {**passwords, APP: "another"})
    try:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            run(APP, "SELECT 1")
    finally:
        roles.create_roles(cluster, passwords)
    assert run(APP, "SELECT 1") == [(1,)]


def test_a_database_is_copied_with_its_privileges_and_dropped(cluster: PostgresCluster, run: As) -> None:
    login = SuperuserLogin(cluster.superuser_url())
    run(APP, "INSERT INTO report (text) VALUES ('copied')")
    roles.clone_database(login, source="sample", name="sample copy")
    try:
        assert run(APP, "SELECT text FROM report", database="sample copy") == [("copied",)]
        with pytest.raises(InsufficientPrivilege):
            run(APP, "TRUNCATE report", database="sample copy")
        with pytest.raises(InsufficientPrivilege):
            run(APP, "CREATE TEMPORARY TABLE mine (id int)", database="sample copy")
    finally:
        roles.drop_database(login, "sample copy")
        roles.drop_database(login, "sample copy")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        run(APP, "SELECT 1", database="sample copy")


def test_a_database_is_ensured_once(cluster: PostgresCluster) -> None:
    for _ in range(2):
        cluster.ensure_database("ensured", owner=APP)
    with cluster.connect("ensured") as connection:
        query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ensured'"
        assert connection.execute(query).fetchone() == (APP,)
    roles.drop_database(cluster, "ensured")


def test_addresses_name_role_and_database_and_no_repr_shows_a_password(
    cluster: PostgresCluster, passwords: Passwords
) -> None:
    urls = roles.database_urls(cluster, passwords, "sample")
    assert sorted(urls) == ["DATABASE_URL", "MIGRATOR_DATABASE_URL", "READONLY_DATABASE_URL", "SIGNER_DATABASE_URL"]
    for role, name in {APP: "DATABASE_URL", MIGRATOR: "MIGRATOR_DATABASE_URL"}.items():
        assert urls[name] == f"postgresql://{role}:{passwords[role]}@127.0.0.1:{cluster.port}/sample"
    assert repr(SuperuserLogin(cluster.superuser_url())) == "SuperuserLogin()"


def test_no_password_reaches_the_servers_log(cluster: PostgresCluster, passwords: Passwords) -> None:
    log = (cluster.home.parent / "postgres.log").read_text()
    assert log
    assert not [name for name, password in passwords.items() if password in log]
