"""The proxy's certificate has ended; it is renewed from the CA that is there, and curl and openssl see the new one."""

from __future__ import annotations

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import PROXY_UID
from tests.docker.actions.certificates.conftest import OPEN, Door
from tests.docker.actions.conftest import Trials
from tests.docker.checks.breaking import broken

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "certificates.renew"


def test_an_ended_server_certificate_is_renewed_once(lab: ComposeStack, trials: Trials, door: Door) -> None:
    proxy = lab.settings.names.caddy
    with broken(lab, "server-cert-expired"):
        ended = door.serial()
        assert "expired" in door.as_client()
        container = lab.container(proxy).id
        trial = trials.plan(SLUG)
        assert list(trial.acting.facts["makes"]) == ["server"]
        assert trial.acting.facts["services"] == {proxy: [container]}
        verified = trial.run()
        assert verified.is_good, verified.text
        assert door.as_client() == OPEN
        assert door.curl() != OPEN
        assert door.serial() == door.serial_of(door.certs / "server" / "server.crt") != ended
        assert verified.after["served at public"] == door.serial()
        assert (door.certs / "server" / "server.key").stat().st_uid == PROXY_UID
        assert lab.container(proxy).id == container
        assert trial.probe() == Probed.FINISHED_WELL
        renewed, started_at = door.serial(), lab.inspect(proxy)["State"]["StartedAt"]
        with pytest.raises(AlreadyDone):
            trial.run_steps()
        assert (door.serial(), lab.inspect(proxy)["State"]["StartedAt"]) == (renewed, started_at)
        assert door.curl(identity=door.former / "client") == OPEN  # issued before, and good as ever
        back = trials.plan("certificates.put_back").run()
        assert (back.is_good, door.serial()) == (True, ended), back.text
        assert "expired" in door.as_client()


@pytest.mark.parametrize("slug", ["client-cert-expired", "client-cert-missing"])
def test_a_client_certificate_is_renewed_without_a_restart(
    lab: ComposeStack, trials: Trials, door: Door, slug: str
) -> None:
    started_at = lab.inspect(lab.settings.names.caddy)["State"]["StartedAt"]
    with broken(lab, slug):
        assert door.as_client() != OPEN
        verified = trials.plan(SLUG).run()
        assert verified.is_good, verified.text
        assert door.as_client() == OPEN
        assert lab.inspect(lab.settings.names.caddy)["State"]["StartedAt"] == started_at


@pytest.mark.parametrize("slug", ["server-cert-hostname-mismatch", "server-cert-wrong-ca", "server-key-mismatch"])
def test_whatever_is_wrong_with_it_is_mended(lab: ComposeStack, trials: Trials, door: Door, slug: str) -> None:
    with broken(lab, slug):
        assert door.as_client() != OPEN
        verified = trials.plan(SLUG).run()
        assert verified.is_good, verified.text
        assert door.as_client() == OPEN


def test_a_ca_that_ends_soon_keeps_its_key_and_its_clients(lab: ComposeStack, trials: Trials, door: Door) -> None:
    with broken(lab, "ca-near-expiry"):
        client = door.certs / "client"
        serials = [door.serial_of(client / "client.crt"), door.serial_of(door.certs / "ca" / "ca.crt")]
        key = (door.certs / "ca" / "ca.key").read_bytes()
        trial = trials.plan(SLUG, which=["ca"])
        verified = trial.run()
        assert verified.is_good, verified.text
        assert (door.certs / "ca" / "ca.key").read_bytes() == key
        assert door.serial_of(client / "client.crt") == serials[0]
        assert door.serial_of(door.certs / "ca" / "ca.crt") != serials[1]
        assert door.as_client() == OPEN
