from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from deploy.awe.issuing import (
    CertificateError,
    KeyPair,
    Validity,
    issue_client,
    issue_server,
    make_ca,
    names_of,
    read_certificate,
)


def test_a_server_certificate_is_verified_for_each_of_its_names() -> None:
    ca = make_ca()
    server = issue_server(ca, names=["awe.local", "localhost"])
    for name in ("awe.local", "localhost"):
        verifier = PolicyBuilder().store(Store([ca.certificate])).build_server_verifier(x509.DNSName(name))
        assert verifier.verify(server.certificate, [])[0] == server.certificate


def test_names_and_addresses_are_given_back_as_they_were_asked_for() -> None:
    server = issue_server(make_ca(), names=["awe.local", "127.0.0.2", "::1"])
    assert names_of(server.certificate) == ["awe.local", "127.0.0.2", "::1"]


def test_a_client_certificate_is_verified_against_its_ca_and_no_other() -> None:
    ca, foreign = make_ca(), make_ca()  # of the same name
    client = issue_client(ca)
    assert PolicyBuilder().store(Store([ca.certificate])).build_client_verifier().verify(client.certificate, [])
    verifier = PolicyBuilder().store(Store([foreign.certificate])).build_client_verifier()
    with pytest.raises(VerificationError):
        verifier.verify(client.certificate, [])


def test_a_certificate_has_the_dates_it_was_asked_for() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    validity = Validity(not_before=now - timedelta(days=90), not_after=now - timedelta(days=3))
    old = issue_server(make_ca(), validity=validity)
    assert old.certificate.not_valid_before_utc == validity.not_before
    assert old.certificate.not_valid_after_utc == validity.not_after


def test_a_key_pair_is_read_back_and_its_key_is_private(tmp_path: Path) -> None:
    ca = make_ca()
    ca.write(tmp_path / "ca" / "ca")
    read = KeyPair.read(tmp_path / "ca" / "ca")
    assert read.certificate == ca.certificate
    assert read.key.private_numbers() == ca.key.private_numbers()
    assert stat.S_IMODE((tmp_path / "ca" / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ca" / "ca.crt").stat().st_mode) == 0o644


def test_a_key_pair_does_not_show_its_key() -> None:
    assert "key=" not in repr(make_ca())


def test_reading_no_certificate_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    with pytest.raises(CertificateError, match=r"cannot read .*ca\.crt"):
        read_certificate(path)
    path.write_text("not a certificate")
    with pytest.raises(CertificateError, match=r"ca\.crt holds no PEM certificate"):
        read_certificate(path)
