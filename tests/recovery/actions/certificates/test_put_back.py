"""What an action has kept comes back byte for byte, and that can be gone back on, too."""

from __future__ import annotations

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from tests.diagnostics.checks.certificates import SERVER
from tests.recovery.actions.certificates.conftest import ROLES, Gate

SLUG = "certificates.put_back"


def test_the_former_files_come_back_and_serve(gate: Gate) -> None:
    gate.path("client", "key").chmod(0o640)
    former = gate.files()
    assert gate.plan("certificates.regenerate").run().is_good
    made = gate.files()
    trial = gate.plan(SLUG)
    verified = trial.run()
    assert verified.is_good, verified.text
    assert gate.files() == former
    assert gate.path("client", "key").stat().st_mode & 0o777 == 0o640
    assert "200 OK" in gate.shows(*gate.identity)
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert gate.files() == former
    assert gate.plan(SLUG).run().is_good  # forth again
    assert gate.files() == made


def test_a_named_set_is_taken(gate: Gate) -> None:
    first = gate.files()
    renewal = gate.plan("certificates.renew", which=["server"])
    assert renewal.run().is_good
    assert gate.plan("certificates.renew", which=["client"]).run().is_good
    assert gate.plan(SLUG, kept=renewal.tokens[0]).run().is_good
    assert {name: content for name, content in gate.files().items() if "client" not in name} == {
        name: content for name, content in first.items() if "client" not in name
    }


def test_an_ended_certificate_comes_back_and_that_clients_refuse_it_is_said(gate: Gate) -> None:
    ended = gate.authority.issue("localhost", names=["localhost"], usages=[SERVER], starts=-9, days=5)
    gate.write("server", ended)
    assert gate.plan("certificates.renew").run().is_good
    verified = gate.plan(SLUG).run()
    assert verified.is_good, verified.text
    assert "certificate has expired" in verified.text
    assert gate.certificate("server").serial_number == ended.certificate.serial_number


def test_what_was_spoiled_in_keeping_is_refused(gate: Gate) -> None:
    renewal = gate.plan("certificates.renew", which=list(ROLES[1:]))
    assert renewal.run().is_good
    kept = gate.folder / "certs" / "kept" / renewal.tokens[0]
    next(kept.glob("*server.crt")).write_bytes(b"")
    with pytest.raises(ActionNotApplicable, match="does not hold any more what was kept"):
        gate.plan(SLUG)


def test_where_nothing_is_kept_it_is_refused(gate: Gate) -> None:
    with pytest.raises(ActionNotApplicable, match="nothing is kept"):
        gate.plan(SLUG)
    with pytest.raises(ActionNotApplicable, match="there is no"):
        gate.plan(SLUG, kept="never-was")
