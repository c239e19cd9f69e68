"""Certificates for tests: authorities with intermediates, and whatever can be wrong with what they issue."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from diagnostics.stack import TlsFiles

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
KeyKind = Literal["ec", "rsa", "rsa-1024", "ed25519"]
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
DAY = dt.timedelta(days=1)


def new_key(kind: KeyKind = "ec") -> PrivateKey:
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if kind == "rsa-1024" else 2048)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and the intermediates below its root."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    def pem(self, *, with_chain: bool = True) -> bytes:
        return pem(self.certificate, *(self.chain if with_chain else ()))

    def key_pem(self, *, password: bytes | None = None) -> bytes:
        how: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)

    def write(self, folder: Path, name: str, *, with_chain: bool = True) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.pem(with_chain=with_chain))
        key.touch(mode=0o600)
        key.write_bytes(self.key_pem())
        return certificate, key


@dataclass(frozen=True)
class Authority:
    """A CA: root or intermediate."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()  # own certificate and those above, without the root; () for a root

    @classmethod
    def root(cls, name: str = "Test Root CA", *, days: float = 3650, starts: float = -1) -> Authority:
        key = new_key()
        builder = _builder(_named(name), _named(name), key, starts=starts, days=days)
        return cls(_ca(builder, key, key).sign(key, hashes.SHA256()), key)

    def intermediate(self, name: str = "Test Issuing CA", *, days: float = 1825, starts: float = -1) -> Authority:
        key = new_key()
        builder = _ca(_builder(_named(name), self.certificate.subject, key, starts=starts, days=days), key, self.key)
        certificate = builder.sign(self.key, _digest(self.key))
        return Authority(certificate, key, (certificate, *self.chain))

    def issue(
        self,
        common_name: str = "localhost",
        *,
        names: Sequence[str] = (),
        usages: Sequence[x509.ObjectIdentifier] = (SERVER, CLIENT),
        starts: float = -1,
        days: float = 365,
        key: KeyKind = "ec",
    ) -> Issued:
        """Issue a leaf that is valid `days` from `starts` (both in days from now); without names it has no SAN."""
        own = new_key(key)
        builder = _builder(_named(common_name), self.certificate.subject, own, starts=starts, days=days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = _identified(builder, own, self.key)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        return Issued(builder.sign(self.key, _digest(self.key)), own, self.chain)

    def pem(self) -> bytes:
        return pem(self.certificate)

    def write(self, folder: Path, name: str) -> Path:
        path = folder / f"{name}.crt"
        path.write_bytes(self.pem())
        return path


@dataclass(frozen=True)
class Shop:
    """A sound set of files for one mTLS endpoint, in a folder of its own, ready to be spoiled."""

    folder: Path
    root: Authority = field(default_factory=Authority.root)
    names: tuple[str, ...] = ("localhost", "127.0.0.1")

    def write(self, *, server: Issued | None = None, client: Issued | None = None) -> TlsFiles:
        """Write what is given, else sound certificates."""
        server = server or self.root.issue("localhost", names=self.names, usages=[SERVER])
        client = client or self.root.issue("probe", names=["probe.test"], usages=[CLIENT])
        server_certificate, server_key = server.write(self.folder, "server")
        client_certificate, client_key = client.write(self.folder, "client")
        return TlsFiles(
            name="shop",
            ca=self.root.write(self.folder, "ca"),
            server_certificate=server_certificate,
            server_key=server_key,
            client_certificate=client_certificate,
            client_key=client_key,
        )


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, *, starts: float, days: float
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts * DAY)
        .not_valid_after(now + (starts + days) * DAY)
    )


def _ca(builder: x509.CertificateBuilder, key: PrivateKey, signer: PrivateKey) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return _identified(builder.add_extension(usage, critical=True), key, signer)


def _identified(builder: x509.CertificateBuilder, key: PrivateKey, signer: PrivateKey) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    ).add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)


def _named(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _digest(key: PrivateKey) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
