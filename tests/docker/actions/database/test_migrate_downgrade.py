"""The last migration of a real database is undone once, and the way back leads back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from tests.docker.actions.conftest import Trials
from tests.docker.actions.database.migrations import BEFORE, DOCUMENT, HEAD, bring_to_head, has_agents, stands_at

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "database.migrate_downgrade"


@pytest.fixture(autouse=True)
def _mended(trials: Trials) -> Iterator[None]:
    yield
    if stands_at(trials) != [HEAD]:
        bring_to_head(trials)


def test_one_migration_is_undone_and_no_more(trials: Trials) -> None:
    trial = trials.plan(SLUG, **DOCUMENT)
    assert trial.acting.facts["to"] == BEFORE
    assert "what revision 0004_agents" in trial.action.plan(trial.acting).destroys[0]
    verified = trial.run()
    assert verified.is_good, verified.text
    assert (stands_at(trials), has_agents(trials)) == ([BEFORE], False)
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(ActionFailed, match="somebody moved it"):
        trial.run_steps()
    assert stands_at(trials) == [BEFORE]
    assert trials.plan("database.migrate_upgrade", **DOCUMENT).run().is_good  # the way back
    assert (stands_at(trials), has_agents(trials)) == ([HEAD], True)


def test_revisions_that_are_none_before_are_said(trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match="no revision before"):
        trials.plan(SLUG, revision=HEAD, **DOCUMENT)
    far = trials.plan(SLUG, revision="0001_initial", **DOCUMENT)
    assert [one.split()[0] for one in far.acting.facts["passed"]] == [HEAD, BEFORE, "0002_jobs"]
