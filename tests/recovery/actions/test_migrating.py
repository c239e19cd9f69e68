"""Where migrations lead, from real revision files; tests/docker runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from awe_incidents.recovery.actions.database.migrate_downgrade import DowngradeMigrations
from awe_incidents.recovery.actions.database.migrate_stamp import StampMigrations
from awe_incidents.recovery.actions.database.migrate_upgrade import UpgradeMigrations
from awe_incidents.recovery.actions.migrating import BASE, Standing
from awe_incidents.recovery.actions.migrating import MigrateParameters as Plain
from awe_incidents.recovery.actions.migrating import RevisionParameters as Named
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.revisions import Graph, read_graph

FILES = {"one": None, "two": "one", "left": "two", "right": "two", "both": ("left", "right")}


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    for name, follows in FILES.items():
        (tmp_path / f"{name}.py").write_text(f'"""makes {name}."""\nrevision = "{name}"\ndown_revision = {follows!r}\n')
    return read_graph([tmp_path])


def test_an_upgrade_goes_to_the_head_by_all_that_is_missing(graph: Graph) -> None:
    standing, action = Standing(("two",), graph), UpgradeMigrations()
    assert action.destination(standing, Plain(database="d")) == "both"
    assert action.passed(standing, "both") == ["left", "right", "both"]
    assert action.passed(Standing((), graph), "both") == ["one", "two", "left", "right", "both"]
    with pytest.raises(ActionNotApplicable, match="nothing to run"):
        action.destination(Standing(("both",), graph), Plain(database="d"))


def test_a_downgrade_names_what_minus_one_means(graph: Graph) -> None:
    action = DowngradeMigrations()
    assert action.destination(Standing(("two",), graph), Named(database="d")) == "one"
    assert action.destination(Standing(("one",), graph), Named(database="d")) == BASE
    assert action.passed(Standing(("both",), graph), "one") == ["both", "right", "left", "two"]
    with pytest.raises(ActionNotApplicable, match="merges left, right"):
        action.destination(Standing(("both",), graph), Named(database="d"))
    with pytest.raises(ActionNotApplicable, match="no revision before"):
        action.destination(Standing(("one",), graph), Named(database="d", revision="two"))


def test_a_database_that_stands_nowhere_known_can_only_be_stamped(graph: Graph) -> None:
    for strange in (("lost",), ("left", "right")):
        with pytest.raises(ActionNotApplicable, match="not one revision"):
            DowngradeMigrations().destination(Standing(strange, graph), Named(database="d"))
        with pytest.raises(ActionNotApplicable, match="not one revision"):
            UpgradeMigrations().destination(Standing(strange, graph), Plain(database="d"))
        assert StampMigrations().destination(Standing(strange, graph), Named(database="d")) == "both"


def test_several_heads_are_said(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / f"{name}.py").write_text(f'revision = "{name}"\n')
    with pytest.raises(ActionNotApplicable, match="2 heads"):
        UpgradeMigrations().destination(Standing((), read_graph([tmp_path])), Plain(database="d"))
