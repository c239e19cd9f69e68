"""Where there are no certificates they are made, and only what is missing."""

from __future__ import annotations

import shutil

import pytest

from awe_incidents.recovery.actions import restarting
from awe_incidents.recovery.actions.base import ActionFailed, AlreadyDone, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from tests.recovery.actions.certificates.conftest import ROLES, Gate

SLUG = "certificates.set_up"


def test_everything_is_made_where_there_is_nothing(gate: Gate) -> None:
    shutil.rmtree(gate.folder / "certs")
    trial = gate.plan(SLUG)
    assert list(trial.acting.facts["makes"]) == list(ROLES)
    verified = trial.run()
    assert verified.is_good, verified.text
    assert "200 OK" in gate.shows(*gate.identity)
    assert "200 OK" not in gate.shows()
    assert {gate.path(role, "key").stat().st_mode & 0o777 for role in ROLES} == {0o600}
    assert (gate.certificate("ca").not_valid_after_utc - gate.certificate("ca").not_valid_before_utc).days == 1825
    assert trial.probe() == Probed.FINISHED_WELL
    files = gate.files()
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert gate.files() == files


def test_put_back_removes_what_was_set_up(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarting, "BACK_SECONDS", 2.0)  # without files it does not come back
    shutil.rmtree(gate.folder / "certs")
    assert gate.plan(SLUG).run().is_good
    back = gate.plan("certificates.put_back")
    assert any("will not be there any more" in one for one in back.plan.destroys)
    verified = back.run()
    assert verified.is_good, verified.text
    assert gate.files() == {}
    assert gate.plan(SLUG).run().is_good


def test_what_is_there_stays(gate: Gate) -> None:
    gate.path("client").unlink()
    gate.path("client", "key").unlink()
    before = gate.files()
    trial = gate.plan(SLUG)
    assert list(trial.acting.facts["makes"]) == ["client"]
    assert trial.run().is_good
    assert {name: content for name, content in gate.files().items() if "client" not in name} == before
    assert "200 OK" in gate.shows(*gate.identity)


def test_a_file_that_came_meanwhile_is_not_overwritten(gate: Gate) -> None:
    shutil.rmtree(gate.path("client").parent)
    trial = gate.plan(SLUG)
    gate.write("client", gate.authority.issue("mine"))
    files = gate.files()
    with pytest.raises(ActionFailed, match="not what it was"):
        trial.run_steps()
    assert gate.files() == files


def test_where_nothing_is_missing_it_is_refused(gate: Gate) -> None:
    with pytest.raises(ActionNotApplicable, match="none is missing"):
        gate.plan(SLUG)
    gate.path("client").unlink()
    with pytest.raises(ActionNotApplicable, match="not all of it is missing"):
        gate.plan(SLUG)
