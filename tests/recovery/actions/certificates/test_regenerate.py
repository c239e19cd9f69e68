"""Everything is made anew; what the former CA issued is refused, until it is put back."""

from __future__ import annotations

import shutil

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from tests.diagnostics.checks.certificates import Authority
from tests.recovery.actions.certificates.conftest import ROLES, Gate

SLUG = "certificates.regenerate"


def test_ca_server_and_client_are_other_ones_and_old_clients_are_refused(gate: Gate) -> None:
    former = {role: gate.certificate(role) for role in ROLES}
    old = gate.folder / "old"
    shutil.copytree(gate.folder / "certs", old)
    trial = gate.plan(SLUG)
    assert any("servers refuse those clients" in one for one in trial.plan.destroys)
    verified = trial.run()
    assert verified.is_good, verified.text
    for role in ROLES:
        now = gate.certificate(role)
        assert now.subject == former[role].subject
        assert now.public_key() != former[role].public_key()
        assert now.serial_number != former[role].serial_number
    assert "200 OK" in gate.shows(*gate.identity)
    stale = gate.shows("-cert", str(old / "client" / "client.crt"), "-key", str(old / "client" / "client.key"))
    assert "200 OK" not in stale
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(AlreadyDone):
        trial.run_steps()


def test_a_ca_whose_key_is_lost_can_be_regenerated(gate: Gate) -> None:
    gate.path("ca", "key").unlink()
    assert gate.plan(SLUG).run().is_good
    assert gate.path("ca", "key").stat().st_mode & 0o777 == 0o600


def test_trust_in_others_is_not_thrown_away(gate: Gate) -> None:
    with gate.path("ca").open("ab") as bundle:
        bundle.write(Authority.root("Partner CA").certificate.public_bytes(Encoding.PEM))
    with pytest.raises(ActionNotApplicable, match="holds 2 certificates"):
        gate.plan(SLUG)


def test_where_there_is_nothing_it_is_refused(gate: Gate) -> None:
    shutil.rmtree(gate.folder / "certs")
    with pytest.raises(ActionNotApplicable, match=r"certificates\.set_up makes them"):
        gate.plan(SLUG)
