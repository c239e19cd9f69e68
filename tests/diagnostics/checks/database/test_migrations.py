"""DB-07: revision files as alembic writes them, against a version table in a real database."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Result, State
from diagnostics.looking import LookRequest, take_look
from diagnostics.stack import Migrations
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import Server
from tests.diagnostics.rights import open_folder, without_rights
from tests.diagnostics.servers import hanging, serving

SLUG = "database.migrations"
NUMBERED = {"0001_till": None, "0002_receipts": "0001_till", "0003_vouchers": "0002_receipts"}
HASHED = {"1975ea83b712": None, "ae1027a6acf0": "1975ea83b712"}
FILE = '''"""{title}.

Revision ID: {id}
"""

from alembic import op

revision: str = "{id}"
down_revision = {follows!r}
branch_labels = {labels!r}
depends_on = {needs!r}


def upgrade() -> None:
    raise SystemExit("a check must never run this")


raise SystemExit("nor load it")
'''


def write(
    folder: Path,
    revision: str,
    follows: object,
    *,
    labels: object = None,
    needs: object = None,
    name: str = "",
) -> Path:
    path = folder / f"{name or revision}.py"
    title = revision.partition("_")[2] or "something"
    path.write_text(FILE.format(title=title, id=revision, follows=follows, labels=labels, needs=needs))
    return path


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "__init__.py").touch()
    return folder


def write_all(folder: Path, revisions: Mapping[str, str | None]) -> None:
    for revision, follows in revisions.items():
        write(folder, revision, follows)


@contextlib.contextmanager
def standing_at(
    server: Server, *revisions: str, table: str = "alembic_version", readable: bool = True
) -> Iterator[None]:
    with server.client() as connection:
        connection.execute(f"CREATE TABLE {table} (version_num varchar(32) PRIMARY KEY)".encode())
        if readable:
            connection.execute(f"GRANT SELECT ON {table} TO watcher".encode())
        for one in revisions:
            connection.execute(f"INSERT INTO {table} VALUES (%s)".encode(), [one])  # noqa: S608  a name of ours
        try:
            yield
        finally:
            connection.execute(f"DROP TABLE {table}".encode())


def look(server: Server, folder: Path, *, baseline: Baseline | None = None, **more: object) -> Result:
    plan = {"migrations": Migrations(directories=(folder,))} | more
    return looks.look(SLUG, server.stack(**plan), baseline=baseline or Baseline())  # type: ignore[arg-type]


def test_a_schema_at_the_files_head_passes(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    with standing_at(server, "0003_vouchers"):
        result = look(server, versions)
    assert (result.state, looks.codes(result)) == (State.PASS, {"migrations.current"})
    assert [piece.content.splitlines()[0] for piece in result.evidence] == [
        "0003_vouchers",
        "3 revisions, heads 0003_vouchers, the newest first:",
    ]
    shows(HEALTHY, result)


def test_a_schema_behind_the_files_names_what_is_missing(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    with standing_at(server, "0001_till"):
        result = look(server, versions)
    assert (result.state, result.leading.code) == (State.FAIL, "migrations.behind")
    assert "2 missing (0002_receipts: receipts; 0003_vouchers: vouchers)" in result.leading.message
    assert result.leading.measured["database"].value == "0001_till"
    shows(fault("schema behind the files"), result)


def test_a_numbered_schema_ahead_of_the_files_warns(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    with standing_at(server, "0004_discounts"):
        result = look(server, versions)
    assert (result.state, result.leading.code) == (State.WARN, "migrations.ahead")
    shows(fault("schema ahead of the files"), result)


def test_a_revision_that_the_files_had_in_an_earlier_run_is_ahead(server: Server, versions: Path) -> None:
    write_all(versions, HASHED)
    newest = write(versions, "b7f1e2d3c4a5", "ae1027a6acf0")
    with standing_at(server, "b7f1e2d3c4a5"):
        config = server.stack(migrations=Migrations(directories=(versions,)))
        learned = take_look(LookRequest(slug=SLUG, stack=config, redaction_key=looks.KEY)).learning
        newest.unlink()
        baseline = Baseline({key: [value] for key, value in learned.items()})
        known, unknown = look(server, versions, baseline=baseline), look(server, versions)
    assert (known.state, known.leading.code) == (State.WARN, "migrations.ahead")
    assert (unknown.state, unknown.leading.code) == (State.FAIL, "migrations.unknown_revision")


def test_an_unknown_revision_fails(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    with standing_at(server, "deadbeef0000"):
        result = look(server, versions)
    assert (result.state, result.leading.code) == (State.FAIL, "migrations.unknown_revision")
    shows(fault("unknown revision in the database"), result)


def test_several_heads_fail_unless_they_are_branches_with_names(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    second = write(versions, "0003_refunds", "0002_receipts")
    with standing_at(server, "0003_vouchers"):
        result = look(server, versions)
        second.unlink()
        write(versions, "reports", None, labels=("reports",))
        write(versions, "till", "0003_vouchers", labels=("till",))
        named = look(server, versions)
    assert (result.state, result.leading.code) == (State.FAIL, "migrations.several_heads")
    assert "0003_refunds, 0003_vouchers" in result.leading.message
    assert named.leading.code == "migrations.behind"
    with standing_at(server, "reports", "till"):
        assert look(server, versions).state is State.PASS
    shows(fault("several heads in the files"), result)


def test_merges_and_dependencies_count_as_done(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    write(versions, "0003_refunds", "0002_receipts")
    write(versions, "0004_merged", ("0003_vouchers", "0003_refunds"))
    write(versions, "0005_last", "0004_merged", needs=["0001_till"])
    with standing_at(server, "0005_last"):
        assert look(server, versions).state is State.PASS


def test_a_database_that_was_never_migrated_fails(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    missing = look(server, versions)
    with standing_at(server):
        empty = look(server, versions)
    assert (missing.state, missing.leading.code) == (State.FAIL, "migrations.table_missing")
    assert (empty.state, empty.leading.code) == (State.FAIL, "migrations.behind")
    assert "at no revision" in empty.leading.message
    shows(fault("version table missing"), missing)


def test_a_table_that_only_the_application_may_read_is_read_as_the_application(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    with standing_at(server, "0003_vouchers", readable=False):
        assert look(server, versions).state is State.PASS


def test_a_table_of_another_name_and_schema(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    with server.superuser() as connection:
        connection.execute('CREATE SCHEMA "Old Books" AUTHORIZATION clerk')
        try:
            with standing_at(server, "0003_vouchers", table='"Old Books"."My Version"', readable=False):
                plan = Migrations(directories=(versions,), version_table="Old Books.My Version")
                assert look(server, versions, migrations=plan).state is State.PASS
        finally:
            connection.execute('DROP SCHEMA "Old Books" CASCADE')


@pytest.mark.parametrize(
    ("text", "state", "code"),
    [
        ('revision = "0004"\ndown_revision = "0003_lost"\n', State.FAIL, "migrations.gap"),
        ('revision = "0004"\ndown_revision = "0004"\n', State.FAIL, "migrations.circle"),
        ('revision = "0004"\ndown_revision = \n', State.FAIL, "migrations.broken"),
        ('revision = "00" + "04"\n', State.ERROR, "migrations.computed"),
        ("revision = 4\n", State.FAIL, "migrations.broken"),
        ('revision = "0003_vouchers"\ndown_revision = "0002_receipts"\n', State.WARN, "migrations.twice"),
        ("print('no revision, which alembic leaves out, too')\n", State.PASS, "migrations.current"),
        ("x = " + "(" * 5000, State.FAIL, "migrations.broken"),
        ("\0", State.FAIL, "migrations.broken"),
    ],
)
def test_what_stands_in_a_file(server: Server, versions: Path, text: str, state: State, code: str) -> None:
    write_all(versions, NUMBERED)
    (versions / "extra.py").write_text(text)
    with standing_at(server, "0003_vouchers"):
        result = look(server, versions)
    assert (result.state, result.leading.code) == (state, code)
    if state is State.FAIL:
        shows(
            fault(f"a revision file {'cannot be read' if code.endswith('broken') else 'makes a ' + code[11:]}"), result
        )


def test_a_pipe_among_the_files_keeps_nobody_waiting(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    os.mkfifo(versions / "0004_pipe.py")
    assert look(server, versions).leading.code == "migrations.broken"


def test_files_that_are_not_there_or_closed_to_us_are_an_error(server: Server, versions: Path) -> None:
    gone = look(server, versions / "not-there")
    assert (gone.state, gone.leading.code) == (State.ERROR, "missing")
    with open_folder() as folder:
        write(folder, "0001_till", None).chmod(0)
        (server.root / "copy").mkdir(exist_ok=True)
        with without_rights():
            result = looks.look(
                SLUG, server.stack(migrations=Migrations(directories=(folder,)), monitor=None, password=None)
            )
    assert (result.state, result.leading.code) == (State.ERROR, "not_permitted")


def test_a_server_that_never_answers_could_not_be_looked_at(server: Server, versions: Path) -> None:
    write_all(versions, NUMBERED)
    with serving(hanging) as port:
        result = look(server, versions, port=port)
    assert (result.state, result.leading.code) == (State.ERROR, "postgres.timeout")
    shows(HANGING, result)
