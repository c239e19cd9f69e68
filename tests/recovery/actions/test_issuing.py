"""What is issued is like what was there, never outlives its issuer, and strict verifiers accept it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.x509.verification import PolicyBuilder, Store

from awe_incidents.recovery.actions.issuing import CLIENT, PrivateKey, Wanted, authority, leaf

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SERVER_WANTED = Wanted(common_name="shop.test", names=("shop.test", "127.0.0.1"), at=NOW)
KEYS: list[PrivateKey] = [
    rsa.generate_private_key(65537, 2048),
    ec.generate_private_key(ec.SECP384R1()),
    ec.generate_private_key(ec.SECP521R1()),
]


def accepts(anchor: x509.Certificate, certificate: x509.Certificate, *above: x509.Certificate) -> None:
    verifier = PolicyBuilder().store(Store([anchor])).time(NOW).build_server_verifier(x509.DNSName("shop.test"))
    verifier.verify(certificate, list(above))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: type(key).__name__)
def test_a_chain_of_any_kind_of_key_is_accepted_by_a_strict_verifier(key: PrivateKey) -> None:
    ca = authority(Wanted(common_name="Shop CA", at=NOW), key=key)
    accepts(ca.certificate, leaf(SERVER_WANTED, issuer=ca).certificate)


def test_keys_that_strict_verifiers_do_not_know_are_kept_too() -> None:
    ca = authority(Wanted(common_name="Shop CA", at=NOW), key=ed448.Ed448PrivateKey.generate())
    leaf(SERVER_WANTED, issuer=ca).certificate.verify_directly_issued_by(ca.certificate)
    assert isinstance(authority(Wanted(common_name=""), former=ca.certificate).key, ed448.Ed448PrivateKey)


def test_nothing_outlives_its_issuer() -> None:
    ca = authority(Wanted(common_name="Shop CA", at=NOW, lifetime=timedelta(days=10)))
    issued = leaf(Wanted(common_name="shop.test", names=("shop.test",), at=NOW + timedelta(days=5)), issuer=ca)
    assert issued.certificate.not_valid_after_utc == ca.certificate.not_valid_after_utc


def test_what_a_certificate_says_beyond_the_usual_is_kept() -> None:
    ca = authority(Wanted(common_name="Shop CA", at=NOW))
    former = leaf(SERVER_WANTED, issuer=ca)
    points = x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/ca.crl")], None, None, None)]
    )
    builder = x509.CertificateBuilder().subject_name(former.certificate.subject).issuer_name(ca.certificate.subject)
    builder = builder.public_key(former.key.public_key()).serial_number(7)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=20)).add_extension(points, False)
    usage = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    given = builder.add_extension(usage, critical=True).sign(ca.key, hashes.SHA256())
    made = leaf(SERVER_WANTED, issuer=ca, former=given).certificate
    assert made.extensions.get_extension_for_class(x509.CRLDistributionPoints).value == points
    now = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (now.digital_signature, now.key_encipherment) == (True, True)
    with pytest.raises(x509.ExtensionNotFound):  # it was limited to no use, and is not now
        made.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=20)


def test_an_intermediate_is_sent_along_and_a_root_is_not() -> None:
    root = authority(Wanted(common_name="Root", at=NOW))
    assert leaf(SERVER_WANTED, issuer=root).chain == ()
    own = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(root.certificate.subject)
    builder = builder.public_key(own.public_key()).serial_number(9).not_valid_before(NOW - timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    middle = builder.not_valid_after(NOW + timedelta(days=9)).sign(root.key, hashes.SHA256())
    issuer = type(root)(middle, own)
    issued = leaf(Wanted(common_name="probe", usage=CLIENT, at=NOW), issuer=issuer)
    assert issued.chain == (middle,)
    assert issued.certificates_pem.count(b"BEGIN CERTIFICATE") == 2


def test_a_renewed_ca_goes_on_accepting_what_it_issued() -> None:
    ca = authority(Wanted(common_name="Shop CA", at=NOW - timedelta(days=90), lifetime=timedelta(days=80)))
    issued = leaf(SERVER_WANTED, issuer=authority(Wanted(common_name="", at=NOW), former=ca.certificate, key=ca.key))
    renewed = authority(Wanted(common_name="", at=NOW), former=ca.certificate, key=ca.key).certificate
    accepts(renewed, issued.certificate)
    assert renewed.subject == ca.certificate.subject
    assert renewed.serial_number != ca.certificate.serial_number


@pytest.mark.parametrize("begins", [b"-----BEGIN EC PRIVATE KEY-----", b"-----BEGIN PRIVATE KEY-----"])
def test_the_form_of_a_key_file_is_kept(begins: bytes) -> None:
    assert authority(Wanted(common_name="Shop CA")).key_pem(like=begins).startswith(begins)
