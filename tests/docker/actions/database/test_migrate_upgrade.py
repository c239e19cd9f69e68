"""The migrations that a real database lacks are run once; one that fails leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, AlreadyDone, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials
from tests.docker.actions.database.migrations import BEFORE, DOCUMENT, HEAD, bring_to_head, has_agents, stands_at

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "database.migrate_upgrade"


@pytest.fixture
def behind(lab: ComposeStack, trials: Trials) -> Iterator[None]:
    lab.exec(lab.settings.names.api, ["alembic", "downgrade", "-1"])
    yield
    bring_to_head(trials)


def test_what_is_missing_is_run_once(trials: Trials, behind: None) -> None:
    trial = trials.plan(SLUG, **DOCUMENT)
    assert (trial.acting.facts["current"], trial.acting.facts["to"]) == ([BEFORE], HEAD)
    assert trial.acting.facts["passed"] == [f"{HEAD} (agents and when jobs were begun)"]
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    assert stands_at(trials) == [HEAD]
    assert has_agents(trials)
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(ActionFailed, match="somebody moved it"):
        trial.run_steps()
    assert trial.plan.way_back.startswith(f"database.migrate_downgrade to {BEFORE},")
    assert trials.plan("database.migrate_downgrade", revision=BEFORE, **DOCUMENT).run().is_good
    assert (stands_at(trials), has_agents(trials)) == ([BEFORE], False)


def test_a_token_is_taken_once_although_the_database_stands_as_approved(
    lab: ComposeStack, trials: Trials, behind: None
) -> None:
    trial = trials.plan(SLUG, **DOCUMENT)
    trial.run_steps()
    lab.exec(lab.settings.names.api, ["alembic", "downgrade", "-1"])
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert stands_at(trials) == [BEFORE]


def test_a_migration_that_fails_leaves_nothing(trials: Trials, behind: None) -> None:
    trials.psql("CREATE TABLE agents ()")
    try:
        trial = trials.plan(SLUG, **DOCUMENT)
        with pytest.raises(ActionFailed, match="rolled back"):
            trial.run_steps()
        assert stands_at(trials) == [BEFORE]
        assert not trial.action.verify(trial.acting).is_good
    finally:
        trials.psql("DROP TABLE agents")


def test_nothing_to_run_is_said(trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match="at the head"):
        trials.plan(SLUG, **DOCUMENT)
    assert "no service other" in trials.not_applicable(SLUG, service="other", **DOCUMENT)
