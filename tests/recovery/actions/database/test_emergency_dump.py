"""A database of processes is dumped as plain SQL once, and psql alone brings every row back from it."""

from __future__ import annotations

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from tests.recovery.actions.database.conftest import BESIDE, Dumps

pytestmark = pytest.mark.django_db(transaction=True)
SLUG, NAME = "database.emergency_dump", "emergency-of-the-test"
FILE = f"{NAME}.plain.sql"


def test_a_plain_dump_is_made_once_and_psql_brings_its_rows_back(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    assert trial.probe() == Probed.NOT_STARTED
    verified = trial.run()
    assert verified.is_good, verified.text
    assert verified.text.endswith("plain SQL from its first line to its last")
    assert trial.probe() == Probed.FINISHED_WELL
    assert dumps.tool("head", "-c", "40", FILE).strip().startswith("--\n-- PostgreSQL database dump")
    assert dumps.tool("sha256sum", "-c", f"{FILE}.sha256") == f"{FILE}: OK\n"
    assert dumps.tool("stat", "-c", "%a", FILE) == "600\n"
    assert dumps.unfinished() == []
    with dumps.beside() as address:
        dumps.pg("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", address, "-f", FILE)
        assert dumps.rows(BESIDE) == dumps.rows()
    with pytest.raises(ActionFailed, match="is there already"):
        trial.run_steps()
    with pytest.raises(ActionNotApplicable, match="never overwritten"):
        dumps.plan(SLUG, NAME)
    assert trial.plan.way_back == f"remove {dumps.folder / FILE} and its .sha256"


def test_a_dump_that_was_cut_is_found_bad(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    trial.run_steps()
    dumps.tool("truncate", "-s", "-3000", FILE)
    verified = trial.action.verify(trial.acting)
    assert not verified.is_good
    assert "checksum differs" in verified.text
    assert "ends before its last line" in verified.text
    assert trial.probe() == Probed.FINISHED_BADLY
    (dumps.folder / FILE).write_text("something else")
    assert "does not begin as a plain dump does" in trial.action.verify(trial.acting).text
