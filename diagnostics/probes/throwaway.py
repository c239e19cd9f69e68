"""A client certificate of a CA that nobody knows, made anew for each look: a server must refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from diagnostics.probes.tls import Identity

LIFETIME = timedelta(hours=1)


@contextmanager
def foreign_identity() -> Iterator[Identity]:
    """Give certificate and key as files that are gone afterwards; the key is worth nothing to anybody."""
    with TemporaryDirectory(prefix="incident-diag-") as folder:
        certificate, key = Path(folder) / "client.crt", Path(folder) / "client.key"
        ca_key, own_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issued = _certificate(own_key.public_key()).sign(ca_key, hashes.SHA256())
        certificate.write_bytes(issued.public_bytes(Encoding.PEM))
        key.write_bytes(own_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        yield Identity(certificate, key)


def _certificate(key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(_named("incident-diag probe"))
        .issuer_name(_named("incident-diag foreign CA"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFETIME)
        .not_valid_after(now + LIFETIME)
        .add_extension(usage, critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
