"""A real database is restored beside the live one, which serves until the swap, and comes back row for row."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, AlreadyDone, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG, LIVE = "database.restore", "ai_workflow_engine"
ROWS = "SELECT md5(string_agg(w::text, '|' ORDER BY id)) FROM workflows w"
NAMES = f"SELECT datname FROM pg_database WHERE datname LIKE '{LIVE}%' ORDER BY 1"  # noqa: S608  our own name


@pytest.fixture(autouse=True)
def _mended(lab: ComposeStack, trials: Trials) -> Iterator[None]:
    shell(lab, "rm -f /backup/trial.* /backup/.trial.*")
    yield
    names = trials.psql(NAMES, dbname="postgres")
    if old := [name for name in names if name.startswith(f"{LIVE}_old")]:
        shell(
            lab, f"dropdb -U postgres --force {LIVE} && psql -qU postgres -c 'ALTER DATABASE {old[0]} RENAME TO {LIVE}'"
        )
    for name in names:
        if name.startswith(f"{LIVE}_new"):
            shell(lab, f"dropdb -U postgres --force {name}")
    shell(lab, "rm -f /backup/trial.* /backup/.trial.*")
    trials.psql("DELETE FROM workflows WHERE name LIKE 'trial%'")
    lab.wait_until_healthy()


def shell(lab: ComposeStack, script: str) -> str:
    return lab.exec(lab.settings.names.database, ["sh", "-c", script])


def add_workflow(trials: Trials, name: str) -> None:
    trials.psql(f"INSERT INTO workflows (name) VALUES ('{name}')")  # noqa: S608  our own name


def test_exactly_the_dump_comes_back_and_the_api_serves_until_the_swap(lab: ComposeStack, trials: Trials) -> None:
    add_workflow(trials, "trial one")
    assert trials.plan("database.backup", database="application", name="trial").run().is_good
    rows = trials.psql(ROWS)
    add_workflow(trials, "trial two, after the backup")
    trials.psql("DELETE FROM workflows WHERE name = 'trial one'")
    later = trials.psql(ROWS)
    trial = trials.plan(SLUG, database="application", file="trial.sql")
    assert list(trial.action.prechecks(trial.acting)) == []

    token, statuses, restored = lab.token(), list[int](), threading.Event()

    def ask() -> None:
        while not restored.is_set():
            statuses.append(lab.client().get("/workflows", token=token).status)

    asking = threading.Thread(target=ask)
    asking.start()
    trial.run_steps(only="restore")
    restored.set()
    asking.join()
    assert statuses
    assert set(statuses) == {200}
    assert (trials.psql(ROWS), trials.psql(ROWS, dbname=trial.acting.facts["new"])) == (later, rows)
    assert trial.probe() == Probed.CANNOT_TELL

    trial.run_steps(only="swap")
    verified = trial.action.verify(trial.acting)
    assert verified.is_good, verified.text
    assert trial.probe() == Probed.FINISHED_WELL
    assert trials.psql(ROWS) == rows
    assert trials.psql(ROWS, dbname=trial.acting.facts["old"]) == later
    names = [workflow["name"] for workflow in lab.client().get("/workflows?limit=1000", token=token).body]
    assert "trial one" in names
    assert "trial two, after the backup" not in names
    for key in ("restore", "swap"):
        with pytest.raises(AlreadyDone):
            trial.run_steps(only=key)
    assert trials.psql(ROWS) == rows

    _go_back(trials, trial.plan.way_back)
    assert (trials.psql(ROWS), trials.psql(ROWS, dbname=trial.acting.facts["new"])) == (later, rows)
    lab.wait_until_healthy()
    names = [workflow["name"] for workflow in lab.client().get("/workflows?limit=1000", token=lab.token()).body]
    assert "trial two, after the backup" in names


def _go_back(trials: Trials, told: str) -> None:
    """Type what the plan says, with nothing but psql."""
    sessions, _, statements = told.partition("end the sessions, then ")
    assert "is kept" in sessions
    end = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{LIVE}'"  # noqa: S608
    shut = f"ALTER DATABASE {LIVE} ALLOW_CONNECTIONS "
    for statement in (f"{shut} false", end, *statements.split("; ")):
        trials.psql(statement, dbname="postgres")
    new = statements.split("; ")[0].rpartition(" ")[2]
    trials.psql(f"ALTER DATABASE {new} ALLOW_CONNECTIONS true", dbname="postgres")


def test_an_emergency_dump_in_plain_sql_is_taken_too(lab: ComposeStack, trials: Trials) -> None:
    add_workflow(trials, "trial plain")
    shell(lab, f"pg_dump -U postgres {LIVE} >/backup/trial.plain.sql")
    rows = trials.psql(ROWS)
    trials.psql("DELETE FROM workflows WHERE name LIKE 'trial%'")
    verified = trials.plan(SLUG, database="application", file="trial.plain.sql").run()
    assert verified.is_good, verified.text
    assert trials.psql(ROWS) == rows


def test_a_broken_dump_leaves_nothing_and_the_live_one_as_it_is(lab: ComposeStack, trials: Trials) -> None:
    shell(lab, f"pg_dump -U postgres -Fc {LIVE} >/backup/trial.sql && truncate -s -2000 /backup/trial.sql")
    before = trials.psql(NAMES, dbname="postgres"), trials.psql(ROWS)
    trial = trials.plan(SLUG, database="application", file="trial.sql")
    with pytest.raises(ActionFailed, match="live database was not touched"):
        trial.run_steps()
    assert (trials.psql(NAMES, dbname="postgres"), trials.psql(ROWS)) == before


def test_another_file_than_the_approved_one_is_not_read(lab: ComposeStack, trials: Trials) -> None:
    shell(lab, f"pg_dump -U postgres -Fc {LIVE} >/backup/trial.sql")
    trial = trials.plan(SLUG, database="application", file="trial.sql")
    shell(lab, "echo >>/backup/trial.sql")
    with pytest.raises(ActionFailed, match="not the file that was approved"):
        trial.run_steps()
    assert trials.psql(NAMES, dbname="postgres") == [LIVE]


def test_a_file_that_is_not_there_is_said(trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match=r"nothing\.sql is not in the container"):
        trials.plan(SLUG, database="application", file="nothing.sql")
