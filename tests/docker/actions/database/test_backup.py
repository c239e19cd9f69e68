"""A database is backed up once, and plain tools read what came of it."""

from __future__ import annotations

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

SLUG, NAME = "database.backup", "before-the-test"
FILE = f"/backup/{NAME}.sql"


@pytest.fixture(autouse=True)
def _removed(lab: ComposeStack) -> None:
    _shell(lab, f"rm -f /backup/{NAME}.* /backup/.{NAME}.*")


def _shell(lab: ComposeStack, script: str) -> str:
    return lab.exec(lab.settings.names.database, ["sh", "-c", script])


def test_a_dump_is_made_once_and_plain_tools_read_it(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG, database="application", name=NAME)
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    assert trial.probe() == Probed.FINISHED_WELL
    assert "TABLE DATA public workflows" in _shell(lab, f"pg_restore --list {FILE}")
    assert _shell(lab, f"cd /backup && sha256sum -c {NAME}.sql.sha256") == f"{NAME}.sql: OK\n"
    assert _shell(lab, f"stat -c %a {FILE}") == "600\n"
    assert NAME not in _shell(lab, "ls -A /backup | grep part || true")
    before = _shell(lab, f"stat -c '%i %Y' {FILE}")
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert _shell(lab, f"stat -c '%i %Y' {FILE}") == before
    assert trial.plan.way_back == f"remove {FILE} and its .sha256"
    _shell(lab, f"rm {FILE} {FILE}.sha256")
    assert NAME not in _shell(lab, "ls -A /backup")
    assert trials.plan(SLUG, database="application", name=NAME).run().is_good  # as if it had never been made


def test_what_is_there_is_never_overwritten(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG, database="application", name=NAME)
    _shell(lab, f"echo precious >{FILE}")
    with pytest.raises(ActionFailed, match="is there already"):
        trial.run_steps()
    assert _shell(lab, f"cat {FILE}; ls -A /backup | grep -c part || true") == "precious\n0\n"
    with pytest.raises(ActionNotApplicable, match="never overwritten"):
        trials.plan(SLUG, database="application", name=NAME)


def test_a_dump_that_is_being_written_is_not_guessed_at(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG, database="application", name=NAME)
    _shell(lab, f"touch /backup/.{NAME}.sql.part")
    assert trial.probe() == Probed.CANNOT_TELL
    with pytest.raises(ActionFailed, match="unfinished"):
        trial.run_steps()


def test_a_dump_that_was_changed_is_found_bad(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG, database="application", name=NAME)
    trial.run_steps()
    _shell(lab, f"truncate -s -100 {FILE}")
    verified = trial.action.verify(trial.acting)
    assert not verified.is_good
    assert "checksum differs" in verified.text
    assert trial.probe() == Probed.FINISHED_BADLY


def test_no_secret_is_seen_by_the_engine(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG, database="application", name=NAME)
    trial.run_steps()
    guards = [str(lab.engine.containers.get(token).attrs) for token in trial.tokens]
    assert lab.secret("POSTGRES_PASSWORD") not in "".join([*guards, *trial.said])


def test_a_database_that_nobody_describes_is_said(trials: Trials) -> None:
    assert "no database other" in trials.not_applicable(SLUG, database="other", name=NAME)
