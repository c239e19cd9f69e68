"""Other descriptions than the usual one: a CA of its own for clients, and certificate and key in one file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.actions.certificates.conftest import Gate, opened_gate


@pytest.fixture
def odd_gate(tmp_path: Path) -> Iterator[Gate]:
    clients = tmp_path / "certs" / "clients" / "ca.crt"
    with opened_gate(tmp_path, client_ca=clients, client_key=None) as made:
        yield made


def test_everything_is_set_up_regenerated_renewed_and_put_back(odd_gate: Gate) -> None:
    shutil.rmtree(odd_gate.folder / "certs")
    trial = odd_gate.plan("certificates.set_up")
    assert list(trial.acting.facts["makes"]) == ["ca", "client_ca", "server", "client"]
    verified = trial.run()
    assert verified.is_good, verified.text
    client = odd_gate.path("client")
    assert client.read_text().count("BEGIN") == 2
    assert client.stat().st_mode & 0o777 == 0o600
    assert "200 OK" in odd_gate.shows("-cert", str(client), "-key", str(client))
    assert "200 OK" not in odd_gate.shows()
    made = odd_gate.files()
    for slug, choice in (("certificates.regenerate", {}), ("certificates.renew", {"which": ["client", "client_ca"]})):
        verified = odd_gate.plan(slug, **choice).run()
        assert verified.is_good, verified.text
        assert "200 OK" in odd_gate.shows("-cert", str(client), "-key", str(client))
    regenerated = odd_gate.plan("certificates.put_back")
    assert regenerated.run().is_good
    first = min((odd_gate.folder / "certs" / "kept").glob("*/1-ca.key"), key=lambda path: path.stat().st_mtime)
    verified = odd_gate.plan("certificates.put_back", kept=first.parent.name).run()
    assert verified.is_good, verified.text
    assert odd_gate.files() == made


def test_no_private_key_is_in_the_facts_where_it_lies_beside_its_certificate(odd_gate: Gate) -> None:
    with odd_gate.path("client").open("a") as file:
        file.write(odd_gate.path("client", "key").read_text())
    (odd_gate.folder / "certs" / "clients").mkdir()
    for suffix in ("crt", "key"):
        shutil.copy2(odd_gate.path("ca", suffix), odd_gate.folder / "certs" / "clients" / f"ca.{suffix}")
    facts = odd_gate.plan("certificates.renew", which=["client"]).acting.facts
    assert facts["files"][str(odd_gate.path("client"))].startswith("public key ")
