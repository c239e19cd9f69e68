"""Make certificates: a CA, servers and clients, with any dates and of any CA."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANIZATION = "AI Workflow Engine"
SERVER_NAMES = ("localhost", "caddy", "awe.local", "127.0.0.1")
CLIENT_NAME = "awe-client"
CA_LIFETIME = timedelta(days=1825)
LEAF_LIFETIME = timedelta(days=365)
CLOCK_SKEW = timedelta(hours=1)  # a new certificate must already be valid on a machine whose clock is behind


class CertificateError(Exception):
    """A certificate or key cannot be read; the message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """From when to when a certificate is valid."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def starting_now(cls, lifetime: timedelta) -> Validity:
        """Give the period that begins now."""
        now = datetime.now(UTC)
        return cls(not_before=now - CLOCK_SKEW, not_after=now + lifetime)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def write(self, stem: Path, *, owner_id: int | None = None) -> None:
        """Write STEM.crt (0644) and STEM.key (0600), each complete or not at all; `owner_id` is for a proxy's user."""
        stem.parent.mkdir(parents=True, exist_ok=True)
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(stem.with_suffix(".key"), key, mode=0o600, owner_id=owner_id)
        certificate = self.certificate.public_bytes(serialization.Encoding.PEM)
        _write(stem.with_suffix(".crt"), certificate, mode=0o644, owner_id=owner_id)

    @classmethod
    def read(cls, stem: Path) -> KeyPair:
        """Read STEM.crt and STEM.key.

        Raises: CertificateError.
        """
        certificate, key = read_certificate(stem.with_suffix(".crt")), read_key(stem.with_suffix(".key"))
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError(f"{stem.with_suffix('.key')} is no elliptic curve key; run regenerate")
        return cls(certificate=certificate, key=key)


def make_ca(*, name: str = "AWE Root CA", validity: Validity | None = None) -> KeyPair:
    """Make a self-signed CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_subject(name), key, issuer=None, validity=validity or Validity.starting_now(CA_LIFETIME))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return KeyPair(certificate=builder.sign(key, hashes.SHA256()), key=key)


def issue_server(ca: KeyPair, *, names: Sequence[str] = SERVER_NAMES, validity: Validity | None = None) -> KeyPair:
    """Issue a server certificate for these host names and addresses; the first is its common name."""
    return _issue(ca, names=names, usage=ExtendedKeyUsageOID.SERVER_AUTH, validity=validity)


def issue_client(ca: KeyPair, *, name: str = CLIENT_NAME, validity: Validity | None = None) -> KeyPair:
    """Issue a client certificate."""
    return _issue(ca, names=[name], usage=ExtendedKeyUsageOID.CLIENT_AUTH, validity=validity)


def read_certificate(path: Path) -> x509.Certificate:
    """Read a PEM certificate.

    Raises: CertificateError.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise CertificateError(f"{path} holds no PEM certificate") from None


def names_of(certificate: x509.Certificate) -> list[str]:
    """Give the host names and addresses that a certificate is valid for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return [*extension.value.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _issue(ca: KeyPair, *, names: Sequence[str], usage: x509.ObjectIdentifier, validity: Validity | None) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    period = validity or Validity.starting_now(LEAF_LIFETIME)
    builder = _builder(_subject(names[0]), key, issuer=ca, validity=period)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
    )
    return KeyPair(certificate=builder.sign(ca.key, hashes.SHA256()), key=key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, issuer: KeyPair | None, validity: Validity
) -> x509.CertificateBuilder:
    issuer_key = issuer.key if issuer else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
        ]
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def read_key(path: Path) -> PrivateKeyTypes:
    """Read a PEM private key.

    Raises: CertificateError.
    """
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise CertificateError(f"{path} holds no PEM private key without a password") from None


def _write(path: Path, content: bytes, *, mode: int, owner_id: int | None) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    unfinished.chmod(mode)
    if owner_id is not None:
        os.chown(unfinished, owner_id, owner_id)
    unfinished.replace(path)
