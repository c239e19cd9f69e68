from __future__ import annotations

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_backup_in_the_database_s_container_is_read_as_a_copy(lab: ComposeStack) -> None:
    finding = found(look("database.backups", read_stack(lab.description)), "backup.sound")
    assert (finding.state, finding.target) == (State.PASS, "/backup/latest.sql")
    assert "tables with data" in finding.message


def test_a_backup_that_is_not_there_is_missed(lab: ComposeStack) -> None:
    with broken(lab, "backup-missing") as config:
        result = look("database.backups", config)
    assert codes(result) == {"backup.missing"}
    assert result.leading.citations


def test_the_backups_of_a_stopped_database_are_not_guessed_at(lab: ComposeStack) -> None:
    with broken(lab, "db-down") as config:
        assert codes(look("database.backups", config)) == {"backup.no_container"}
