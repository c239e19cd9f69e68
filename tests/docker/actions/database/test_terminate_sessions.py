"""A session in a real deployment locks a table, jobs wait for it; it is ended once, and plain psql sees nobody wait."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest

from awe_incidents.recovery.actions.base import Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from tests.docker.actions.conftest import Trials
from tests.faults.db_lock_long_transaction import NAME, PROGRAM
from tests.faults.doing import hold, let_go, says, submit

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG, DOCUMENT = "database.terminate_sessions", {"database": "application"}
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
HOLDERS = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{NAME}'"  # noqa: S608  our own name


@pytest.fixture
def job(lab: ComposeStack, trials: Trials) -> Iterator[Thread]:
    """Give who queues a job, and waits for whoever has locked the table of jobs."""
    hold(lab, NAME, lab.settings.names.database, 5432, PROGRAM)
    try:
        assert says(lab, NAME, "locked")
        queuing = Thread(target=submit, args=(lab,))
        queuing.start()
        assert wait_for(lambda: trials.psql(WAITING) != ["0"], seconds=20)
        yield queuing
        queuing.join()
    finally:
        let_go(lab, NAME)
        lab.wait_until_healthy()


def test_who_holds_the_lock_is_ended_once_and_jobs_go_on(lab: ComposeStack, trials: Trials, job: Thread) -> None:
    trial = trials.plan(SLUG, **DOCUMENT)
    assert NAME in trial.plan.destroys[0]
    assert trial.plan.way_back.startswith("none")
    assert trial.probe() == Probed.CANNOT_TELL
    assert trials.psql(HOLDERS) == ["1"]
    verified = trial.run()
    assert verified.is_good, verified.text
    assert trials.psql(HOLDERS) == ["0"]
    assert wait_for(lambda: trials.psql(WAITING) == ["0"], seconds=20)
    assert trial.probe() == Probed.FINISHED_WELL
    job.join()
    assert submit(lab).isalnum()
    trial.run_steps()  # a second time it finds nobody
    assert "gone already" in trial.said[-1]
    with pytest.raises(ActionNotApplicable, match="nobody waits"):
        trials.plan(SLUG, **DOCUMENT)
