"""A revision is noted in a real database and nothing else is done; the plan says what that passes over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from awe_incidents.recovery.actions.base import Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials
from tests.docker.actions.database.migrations import BEFORE, DOCUMENT, HEAD, bring_to_head, has_agents, stands_at

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "database.migrate_stamp"


@pytest.fixture(autouse=True)
def _mended(trials: Trials) -> Iterator[None]:
    yield
    if stands_at(trials) != [HEAD] or not has_agents(trials):
        bring_to_head(trials)


def test_a_stamp_runs_nothing_and_its_plan_says_what_is_passed_over(lab: ComposeStack, trials: Trials) -> None:
    lab.exec(lab.settings.names.api, ["alembic", "downgrade", "-1"])
    trial = trials.plan(SLUG, **DOCUMENT)
    (warning,) = trial.action.plan(trial.acting).warnings
    assert "not run, now or by any later upgrade: 0004_agents" in warning
    verified = trial.run()
    assert verified.is_good, verified.text
    assert (stands_at(trials), has_agents(trials)) == ([HEAD], False)
    with pytest.raises(ActionNotApplicable, match="at the head"):  # as the warning says
        trials.plan("database.migrate_upgrade", **DOCUMENT)
    assert trial.plan.way_back == f"stamp {BEFORE} again"
    assert trials.plan(SLUG, revision=BEFORE, **DOCUMENT).run().is_good
    assert stands_at(trials) == [BEFORE]
    assert trials.plan("database.migrate_upgrade", **DOCUMENT).run().is_good
    assert (stands_at(trials), has_agents(trials)) == ([HEAD], True)


def test_a_revision_that_no_file_has_is_put_right(trials: Trials) -> None:
    trials.psql("UPDATE alembic_version SET version_num = '9999_lost'")
    with pytest.raises(ActionNotApplicable, match="9999_lost"):
        trials.plan("database.migrate_downgrade", **DOCUMENT)
    trial = trials.plan(SLUG, **DOCUMENT)
    assert trial.probe() == Probed.CANNOT_TELL
    assert trial.run().is_good
    assert stands_at(trials) == [HEAD]
    with pytest.raises(ActionNotApplicable, match="no file has"):
        trials.plan(SLUG, revision="9999_lost", **DOCUMENT)
