"""Old private keys go, the newest sets stay and come back, and nothing else is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from tests.recovery.actions.certificates.conftest import Gate
from tests.recovery.trial import Trial

SLUG, PUT_BACK = "certificates.prune_kept", "certificates.put_back"


def renewed(gate: Gate, times: int) -> list[str]:
    """Renew so often; give the names of the sets, oldest first."""
    names = []
    for _ in range(times):
        trial = gate.plan("certificates.renew", which=["server"])
        assert trial.run().is_good
        names.append(trial.tokens[0])
    return names


def kept(gate: Gate, name: str = "") -> Path:
    return gate.folder / "certs" / "kept" / name


def keys_in(folder: Path) -> list[str]:
    return [one.name for one in sorted(folder.rglob("*")) if one.is_file() and b"PRIVATE KEY" in one.read_bytes()]


def test_old_sets_are_emptied_and_the_newest_comes_back(gate: Gate) -> None:
    first, second, third = renewed(gate, 3)
    serving = gate.files()
    trial = gate.plan(SLUG, keep=1)
    assert [words.partition(",")[0] for words in trial.plan.destroys] == [f"kept/{second}", f"kept/{first}"]
    assert "server.key" in trial.plan.destroys[0]
    verified = trial.run()
    assert verified.is_good, verified.text
    assert (verified.before, verified.after) == ({"sets": 3}, {"sets": 1})
    for name in (first, second):
        assert [one.name for one in kept(gate, name).iterdir()] == ["pruned.json"]
        assert "0-server.crt" in json.loads((kept(gate, name) / "pruned.json").read_text())["held"]
    assert keys_in(kept(gate)) == ["1-server.key"]
    assert gate.files() == serving
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(ActionNotApplicable, match=r"1 sets are kept below .*, and all of them stay"):
        gate.plan(SLUG, keep=1)
    with pytest.raises(ActionNotApplicable, match="there is no"):
        gate.plan(PUT_BACK, kept=first).run()
    assert gate.plan(PUT_BACK).run().is_good
    assert keys_in(kept(gate, third))


def test_a_second_time_changes_nothing(gate: Gate) -> None:
    renewed(gate, 2)
    trial = gate.plan(SLUG, keep=1)
    trial.run_steps()
    before = sorted((one, one.stat().st_mtime_ns) for one in kept(gate).rglob("*"))
    trial.run_steps()
    assert trial.said[-1].endswith("is empty already")
    assert sorted((one, one.stat().st_mtime_ns) for one in kept(gate).rglob("*")) == before


def test_what_others_put_there_stays_and_what_was_never_finished_goes(gate: Gate) -> None:
    renewed(gate, 1)
    for name in ("of-a-person", "awe-recovery-7-1"):
        kept(gate, name).mkdir()
        (kept(gate, name) / "0-server.key").write_text("-----BEGIN PRIVATE KEY-----\n")
    trial = gate.plan(SLUG)
    assert trial.plan.destroys == ("kept/awe-recovery-7-1, never finished: 0-server.key",)
    assert trial.run().is_good
    assert keys_in(kept(gate, "of-a-person"))
    assert not keys_in(kept(gate, "awe-recovery-7-1"))


def test_a_spoiled_set_is_none_that_stays(gate: Gate) -> None:
    first, second = renewed(gate, 2)
    (kept(gate, second) / "0-server.crt").write_bytes(b"")
    trial = gate.plan(SLUG, keep=1)
    assert trial.acting.facts["keeps"] == [first]
    assert trial.run().is_good
    assert not keys_in(kept(gate, second))


def test_another_file_than_was_approved_stops_it(gate: Gate) -> None:
    first, _ = renewed(gate, 2)
    trial = gate.plan(SLUG, keep=1)
    (kept(gate, first) / "note").write_text("mine")
    with pytest.raises(ActionFailed, match="does not hold any more what was approved"):
        trial.run_steps()
    assert keys_in(kept(gate, first))


def test_a_lost_worker_is_found_out_by_the_folders(gate: Gate) -> None:
    renewed(gate, 4)
    trial = gate.plan(SLUG, keep=1)
    assert trial.probe() == Probed.CANNOT_TELL  # a worker that was stopped may begin yet
    trial.run_steps(only="set-1")
    assert trial.probe() == Probed.FINISHED_BADLY
    trial.run_steps(only="set-2")
    assert trial.probe() == Probed.CANNOT_TELL  # or do the last one
    trial.run_steps(only="set-3")
    assert trial.probe() == Probed.FINISHED_WELL


def test_a_set_that_was_half_emptied_is_emptied_by_the_next(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = renewed(gate, 2)
    trial = gate.plan(SLUG, keep=1)
    whole = Path.unlink

    def dies(path: Path, **more: bool) -> None:
        if path.name.endswith(".key"):
            raise OSError("killed")
        whole(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dies)
        with pytest.raises(OSError, match="killed"):
            trial.run_steps()
    assert keys_in(kept(gate, first))
    with pytest.raises(ActionNotApplicable, match="there is no"):
        gate.plan(PUT_BACK, kept=first)
    assert trial.probe() == Probed.CANNOT_TELL
    assert Trial.planned(gate.site, SLUG, keep=1).run().is_good
    assert not keys_in(kept(gate, first))
