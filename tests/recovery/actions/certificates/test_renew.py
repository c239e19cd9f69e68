"""What has ended is renewed like it was, once, and plain openssl sees it; of a lost worker the files tell."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from awe_incidents.recovery.actions import certifying
from awe_incidents.recovery.actions.base import ActionFailed, AlreadyDone, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.errors import ActionNotApplicable, LeaseLost
from tests.diagnostics.checks.certificates import CLIENT, SERVER, Authority, KeyKind
from tests.recovery.actions.certificates.conftest import Gate
from tests.recovery.trial import Trial

SLUG = "certificates.renew"
NAMES = ["localhost", "127.0.0.1", "shop.test", "*.shop.test"]
KINDS: dict[KeyKind, tuple[type, int]] = {
    "ec": (ec.EllipticCurvePublicKey, 256),
    "rsa": (rsa.RSAPublicKey, 2048),
    "rsa-1024": (rsa.RSAPublicKey, 2048),
}


def expire_server(gate: Gate, *, key: KeyKind = "ec", names: list[str] = NAMES, days: float = 90) -> x509.Certificate:
    issued = gate.authority.issue("localhost", names=names, usages=[SERVER], starts=-3 - days, days=days, key=key)
    gate.write("server", issued)
    return issued.certificate


def alternative_names(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]


def lifetime(certificate: x509.Certificate) -> timedelta:
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc


@pytest.mark.parametrize("key", list(KINDS))
def test_an_expired_server_certificate_is_renewed_like_it_was(gate: Gate, key: KeyKind) -> None:
    former = expire_server(gate, key=key)
    before = gate.files()
    trial = gate.plan(SLUG)
    assert list(trial.acting.facts["makes"]) == ["server"]
    assert "it ended on" in trial.acting.facts["makes"]["server"]
    verified = trial.run()
    assert verified.is_good, verified.text
    now = gate.certificate("server")
    assert now.serial_number != former.serial_number
    assert now.subject == former.subject
    assert sorted(alternative_names(now)) == sorted(NAMES)
    kind, bits = KINDS[key]
    public = now.public_key()
    assert isinstance(public, kind)
    assert isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert public.key_size == bits
    assert public != former.public_key()
    assert (
        now.not_valid_after_utc - now.not_valid_before_utc == former.not_valid_after_utc - former.not_valid_before_utc
    )
    usages = [one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value for one in (former, now)]
    assert usages[0] == usages[1]
    assert {name for name, content in gate.files().items() if before[name] != content} == {
        "server/server.crt",
        "server/server.key",
    }
    assert "200 OK" in gate.shows(*gate.identity)
    assert "200 OK" not in gate.shows()
    assert trial.probe() == Probed.FINISHED_WELL


def test_a_second_try_changes_nothing(gate: Gate) -> None:
    expire_server(gate)
    trial = gate.plan(SLUG)
    assert trial.run().is_good
    files, starts = gate.files(), gate.starts
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert (gate.files(), gate.starts) == (files, starts)


def test_what_is_sound_is_not_renewed_unless_somebody_chooses_it(gate: Gate) -> None:
    with pytest.raises(ActionNotApplicable, match="none has to be renewed"):
        gate.plan(SLUG)
    former = gate.certificate("client")
    trial = gate.plan(SLUG, which=["client"], days=30)
    assert trial.acting.facts["services"] == {}  # the server does not read it
    verified = trial.run()
    assert verified.is_good, verified.text
    now = gate.certificate("client")
    assert now.serial_number != former.serial_number
    assert lifetime(now).days == 30
    assert "200 OK" in gate.shows(*gate.identity)
    assert gate.starts == 1


def test_an_ended_ca_gets_new_dates_and_what_it_issued_goes_on(gate: Gate, tmp_path: Path) -> None:
    gate.authority = Authority.root("Gate CA", days=100, starts=-101)
    gate.write_all()
    old_client = [tmp_path / "old.crt", tmp_path / "old.key"]
    for path, suffix in zip(old_client, ("crt", "key"), strict=True):
        path.write_bytes(gate.path("client", suffix).read_bytes())
    key = gate.path("ca", "key").read_bytes()
    trial = gate.plan(SLUG)
    assert list(trial.acting.facts["makes"]) == ["ca"]
    verified = trial.run()
    assert verified.is_good, verified.text
    assert gate.path("ca", "key").read_bytes() == key
    assert gate.certificate("ca").subject == gate.authority.certificate.subject
    assert "200 OK" in gate.shows("-cert", str(old_client[0]), "-key", str(old_client[1]))


def test_what_a_server_certificate_lacks_is_added(gate: Gate) -> None:
    gate.write("server", gate.authority.issue("other", names=["other.test"], usages=[CLIENT]))
    trial = gate.plan(SLUG)
    assert trial.acting.facts["makes"] == {"server": "it is not made for a server"}
    assert trial.run().is_good
    assert alternative_names(gate.certificate("server")) == ["other.test", "localhost", "127.0.0.1"]


@pytest.mark.parametrize("spoil", ["foreign", "missing", "key", "begins", "soon"])
def test_the_client_certificate_is_renewed_whatever_is_wrong_with_it(gate: Gate, spoil: str) -> None:
    issue = gate.authority.issue
    if spoil == "foreign":
        gate.write("client", Authority.root("Other CA").issue("probe", names=["probe.test"], usages=[CLIENT]))
    elif spoil == "missing":
        gate.path("client").unlink()
        gate.path("client", "key").unlink()
    elif spoil == "key":
        gate.path("client", "key").write_bytes(gate.path("server", "key").read_bytes())
    elif spoil == "begins":
        gate.write("client", issue("probe", names=["probe.test"], usages=[CLIENT], starts=2))
    else:
        gate.write("client", issue("probe", names=["probe.test"], usages=[CLIENT], starts=-80, days=90))
    trial = gate.plan(SLUG)
    assert list(trial.acting.facts["makes"]) == ["client"]
    verified = trial.run()
    assert verified.is_good, verified.text
    assert "200 OK" in gate.shows(*gate.identity)


def test_modes_and_keys_of_other_kinds_are_kept(gate: Gate) -> None:
    gate.write("client", gate.authority.issue("probe", names=["probe.test"], usages=[CLIENT], days=1, key="ed25519"))
    gate.path("client", "key").chmod(0o640)
    assert gate.plan(SLUG, which=["client"]).run().is_good
    assert gate.path("client", "key").stat().st_mode & 0o777 == 0o640
    assert isinstance(gate.certificate("client").public_key(), ed25519.Ed25519PublicKey)


def test_without_the_ca_key_nothing_can_be_issued(gate: Gate) -> None:
    expire_server(gate)
    gate.path("ca", "key").unlink()
    with pytest.raises(ActionNotApplicable, match="nothing can be issued"):
        gate.plan(SLUG)


def test_files_that_somebody_changed_meanwhile_are_left(gate: Gate) -> None:
    expire_server(gate)
    trial = gate.plan(SLUG)
    expire_server(gate)
    files = gate.files()
    with pytest.raises(ActionFailed, match="not what it was when this was approved"):
        trial.run_steps()
    assert gate.files() == files
    assert trial.probe() == Probed.NOT_STARTED


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_worker_that_lost_its_lease_puts_nothing_in_place(gate: Gate, looks: int) -> None:
    expire_server(gate)
    files, trial, left = gate.files(), gate.plan(SLUG), [looks]

    def check() -> None:
        left[0] -= 1
        if not left[0]:
            raise LeaseLost("it is not ours any more")

    with pytest.raises(LeaseLost):
        trial.run_steps(check=check)
    assert gate.files() == files
    assert trial.probe() == (Probed.CANNOT_TELL if looks == 3 else Probed.NOT_STARTED)


@pytest.mark.parametrize(("renames", "found"), [(1, Probed.FINISHED_BADLY), (2, Probed.FINISHED_BADLY)])
def test_a_killed_worker_is_told_of_and_one_action_goes_back(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, renames: int, found: Probed
) -> None:
    """Killed after the first of two files, and after the second, before the restart: an ended one is served still."""
    monkeypatch.setattr(certifying, "PROBE_SECONDS", 2.0)
    expire_server(gate)
    files, trial = gate.files(), gate.plan(SLUG)
    die_after(renames, trial.run_steps)
    assert gate.files() != files
    assert trial.probe() == found
    back = gate.plan("certificates.put_back")
    assert back.run().is_good
    assert gate.files() == files
    renewed = gate.plan(SLUG).run()
    assert renewed.is_good, renewed.text


def die_after(renames: int, do: Callable[[], None]) -> None:
    """Do it in a process that is killed right after so many renames."""
    child = os.fork()
    if child == 0:
        left, replace = [renames], Path.replace

        def dying(self: Path, target: Path) -> Path:
            done = replace(self, target)
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        Path.replace = dying  # type: ignore[method-assign, assignment]
        with suppress(BaseException):
            do()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def test_a_failing_disk_leaves_everything_as_it_was(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    expire_server(gate)
    files, trial, replace, left = gate.files(), gate.plan(SLUG), Path.replace, [1]

    def failing(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == -1:
            raise OSError(5, "Input/output error", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(ActionFailed, match="all files are as they were"):
        trial.run_steps()
    assert gate.files() == files


def test_private_keys_are_said_nowhere(gate: Gate) -> None:
    expire_server(gate)
    trial = gate.plan(SLUG, which=["ca", "server", "client"])
    before = [gate.path(role, "key").read_text() for role in ("ca", "server", "client")]
    verified = trial.run()
    after = [gate.path(role, "key").read_text() for role in ("ca", "server", "client")]
    manifests = [path.read_text() for path in gate.folder.rglob("manifest.json")]
    said = "".join([repr(trial), repr(trial.plan), repr(verified), *trial.said, *manifests, *titles(trial)])
    for key in {*before, *after}:
        assert [line for line in key.splitlines() if "-----" not in line and line in said] == []


def titles(trial: Trial) -> list[str]:
    return [step.title for step in trial.action.steps(trial.acting)]


def test_the_plan_says_what_is_cut_off_and_how_to_go_back(gate: Gate) -> None:
    expire_server(gate)
    trial = gate.plan(SLUG, which=["server", "client"])
    assert trial.plan.destroys == ("connections that door serve at the restart",)
    assert "certificates.put_back" in trial.plan.way_back
    assert any("need the new one and its key" in one for one in trial.plan.warnings)
    assert titles(trial)[0].startswith("Renew certificates: server (it ended on ")
    assert trial.action.target(gate.site.stack, trial.acting.parameters) == "door"


def test_what_is_not_described_is_refused(gate: Gate) -> None:
    one, stack = action(SLUG), gate.site.stack
    kinds = one.parameters
    assert "no [tls.other]" in str(one.not_applicable(stack, kinds(tls="other")))
    assert "no service nobody" in str(one.not_applicable(stack, kinds(restart=("nobody",))))
    with pytest.raises(ActionNotApplicable, match="describes no client_ca"):
        gate.plan(SLUG, which=["client_ca"])
