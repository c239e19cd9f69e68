from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from diagnostics.checks.result import Result, State
from diagnostics.stack import TlsFiles
from tests.diagnostics.checks.certificates import SERVER, Authority, KeyKind, Shop, pem
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, shows
from tests.diagnostics.checks.matrix import fault as situation
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.rights import open_folder, without_rights

SLUG = "ssl.certificate_files"


def looked(files: TlsFiles) -> Result:
    return look(SLUG, stack(files.ca.parent, tls={"shop": files}))


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_sound_files_pass(kind: KeyKind, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write(server=shop.root.intermediate().issue(names=["localhost"], key=kind))
    result = looked(files)
    assert result.state is State.PASS
    assert len(result.findings) == 5
    assert all(evidence.content for evidence in result.evidence)
    shows(HEALTHY, result)
    assert not any("PRIVATE KEY" in evidence.content for evidence in result.evidence)


def test_a_stack_without_certificates_is_skipped(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


def test_a_key_of_another_certificate_fails(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write()
    assert files.server_key is not None
    files.server_key.write_bytes(shop.root.issue().key_pem())
    result = looked(files)
    finding = found(result, "certificate_file.key_mismatch")
    assert (finding.state, finding.target) == (State.FAIL, str(files.server_key))
    shows(situation("key of another certificate"), result)


@pytest.mark.parametrize("role", ["ca", "server_certificate", "server_key", "client_certificate", "client_key"])
@pytest.mark.parametrize("fault", ["missing", "empty", "garbage", "not_regular"])
def test_each_unusable_file_is_one_finding(role: str, fault: str, tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    path: Path = getattr(files, role)
    path.unlink()
    if fault == "empty":
        path.touch()
    elif fault == "garbage":
        path.write_bytes(os.urandom(500))
    elif fault == "not_regular":
        os.mkfifo(path)
    result = looked(files)
    if fault == "not_regular":
        shows(HANGING, result)  # a named pipe: whoever opens it waits for ever
    elif fault == "missing":
        shows(situation("a file is missing"), result)
    bad = [one for one in result.findings if one.state is not State.PASS]
    assert [(one.code, one.target) for one in bad] == [(f"certificate_file.{fault}", str(path))]
    assert result.is_blocking


def test_an_encrypted_key_and_a_der_file_fail(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    server = shop.root.issue(names=["localhost"], usages=[SERVER])
    files = shop.write(server=server)
    assert files.server_key is not None
    files.server_key.write_bytes(server.key_pem(password=b"sesame"))
    files.ca.write_bytes(shop.root.certificate.public_bytes(Encoding.DER))
    result = looked(files)
    assert "password" in found(result, "certificate_file.encrypted").message
    assert found(result, "certificate_file.not_pem").target == str(files.ca)


def test_a_file_that_may_not_be_read_is_an_error_of_its_own() -> None:
    with open_folder() as folder:
        files = Shop(folder).write()
        assert files.server_key is not None
        assert files.client_key is not None
        files.server_key.chmod(0)
        files.client_key.chmod(0o644)
        with without_rights():
            result = looked(files)
    finding = found(result, "not_permitted")
    assert (finding.state, finding.target) == (State.ERROR, str(files.server_key))
    assert len(result.findings) == 5


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_that_only_its_owner_can_read_passes(mode: int, tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    assert files.server_key is not None
    files.server_key.chmod(mode)
    assert looked(files).state is State.PASS


def test_a_key_that_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    assert files.client_key is not None
    files.client_key.chmod(0o644)
    finding = found(looked(files), "certificate_file.key_mode")
    assert finding.state is State.WARN
    assert "0644" in finding.message


def test_a_short_rsa_key_is_a_warning(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    finding = found(looked(shop.write(server=shop.root.issue(key="rsa-1024"))), "certificate_file.weak_key")
    assert finding.measured["key_bits"].value == 1024


def test_the_order_of_a_chain_matters(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    middle = shop.root.intermediate()
    server = middle.issue(names=["localhost"])
    files = shop.write(server=server)
    assert files.server_certificate is not None
    files.server_certificate.write_bytes(pem(server.certificate, shop.root.certificate, middle.certificate))
    assert found(looked(files), "certificate_file.chain_order").state is State.WARN
    files.server_certificate.write_bytes(pem(middle.certificate, server.certificate))
    assert found(looked(files), "certificate_file.leaf_not_first").state is State.FAIL


def test_a_ca_file_without_a_ca_fails(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    files = shop.write()
    files.ca.write_bytes(shop.root.issue().pem())
    assert found(looked(files), "certificate_file.no_ca").state is State.FAIL


def test_certificate_and_key_may_stand_in_one_file(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    client = shop.root.issue("probe")
    files = shop.write(client=client)
    assert files.client_certificate is not None
    files.client_certificate.write_bytes(client.pem() + client.key_pem())
    files.client_certificate.chmod(0o600)
    assert looked(replace(files, client_key=None)).state is State.PASS


def test_a_bundle_of_many_cas_is_bounded(tmp_path: Path) -> None:
    files = Shop(tmp_path).write()
    files.ca.write_bytes(b"".join(Authority.root(f"CA {number}").pem() for number in range(40)))
    result = looked(files)
    assert result.state is State.PASS
    assert next(one for one in result.findings if one.target == str(files.ca)).measured["certificates"].value == 40
