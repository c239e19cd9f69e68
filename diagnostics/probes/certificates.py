"""Certificates and keys from files or from the wire, as plain values; private keys never leave `read_public_key`."""

from __future__ import annotations

import hashlib
import ipaddress
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from diagnostics.probes.errors import FileUnusable, ProbeFailure
from diagnostics.probes.files import read_bounded

MAX_FILE_BYTES = 2_000_000  # a bundle of all public CAs has 0.2 MB
# What the library raises for certificates that break the rules, seen over its own collection of them.
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
PEM_BEGIN = b"-----BEGIN "


class CertificateUnusable(ProbeFailure):
    """No certificate or key can be had; codes missing, not_regular, unreadable, too_large, garbage, empty, not_pem,
    encrypted, unsupported."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate as plain values; `where` is the file or host:port that it comes from."""

    where: str
    parsed: x509.Certificate = field(repr=False)
    subject: str
    issuer: str
    common_name: str
    serial: str  # hex
    not_before_at: datetime
    not_after_at: datetime
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    has_alternative_names: bool
    is_ca: bool
    key_id: str  # hex of the subject key identifier, "" where there is none
    authority_key_id: str
    extended_usages: frozenset[str] | None  # dotted; None where the certificate does not limit them
    key_kind: str  # RSA, EC, Ed25519 ...
    key_bits: int
    sha256: str
    public_key_sha256: str

    @property
    def is_self_issued(self) -> bool:
        """Say whether subject and issuer are the same name."""
        return self.parsed.subject == self.parsed.issuer

    def lines(self) -> list[str]:
        """Describe it for evidence; nothing here is secret."""
        return [
            f"where: {self.where}",
            f"subject: {self.subject}",
            f"issuer: {self.issuer}",
            f"serial: {self.serial}",
            f"not_before: {self.not_before_at:%Y-%m-%dT%H:%M:%SZ}",
            f"not_after: {self.not_after_at:%Y-%m-%dT%H:%M:%SZ}",
            f"alternative_names: {', '.join((*self.dns_names, *self.ip_addresses)) or '-'}",
            f"is_ca: {self.is_ca}",
            f"extended_key_usage: {'-' if self.extended_usages is None else ', '.join(sorted(self.extended_usages))}",
            f"key: {self.key_kind} {self.key_bits}",
            f"sha256: {self.sha256}",
            f"public_key_sha256: {self.public_key_sha256}",
            f"subject_key_id: {self.key_id or '-'}",
            f"authority_key_id: {self.authority_key_id or '-'}",
        ]


def read_certificates(path: Path) -> tuple[Certificate, ...]:
    """Read every certificate of a PEM file, in the file's order.

    Raises: CertificateUnusable (not_pem for a sound certificate in DER form), NotPermitted.
    """
    data = _bytes_of(path)
    if not data.strip():
        raise CertificateUnusable("empty", f"{path} is empty")
    if PEM_BEGIN not in data:
        parse_der(data, where=str(path))
        raise CertificateUnusable("not_pem", f"{path} holds a certificate in DER form; servers and clients read PEM")
    try:
        with _oddities_allowed():
            parsed = x509.load_pem_x509_certificates(data)
    except UNREADABLE as error:
        raise CertificateUnusable("garbage", f"{path} holds no readable certificate: {_first_words(error)}") from None
    return tuple(_plain(one, where=str(path)) for one in parsed)


def parse_der(data: bytes, *, where: str) -> Certificate:
    """Read one certificate in DER form, as it comes from the wire.

    Raises: CertificateUnusable.
    """
    try:
        with _oddities_allowed():
            parsed = x509.load_der_x509_certificate(data)
    except UNREADABLE as error:
        raise CertificateUnusable("garbage", f"{where} gives no readable certificate: {_first_words(error)}") from None
    return _plain(parsed, where=where)


def read_public_key(path: Path) -> str:
    """Give the SHA-256 (hex) of the public half of a private key file, for comparison with certificates.

    Raises: CertificateUnusable (garbage, encrypted, unsupported, empty, not_pem ...), NotPermitted.
    """
    data = _bytes_of(path)
    if not data.strip():
        raise CertificateUnusable("empty", f"{path} is empty")
    is_pem = PEM_BEGIN in data
    load = load_pem_private_key if is_pem else load_der_private_key
    try:
        public_key = load(data, password=None).public_key()
    except TypeError:
        text = f"the private key {path} is encrypted, and a service that starts unattended cannot ask for its password"
        raise CertificateUnusable("encrypted", text) from None
    except UnsupportedAlgorithm:
        raise CertificateUnusable("unsupported", f"{path} holds a key of a kind that is not supported") from None
    except ValueError:  # its text may describe the key
        raise CertificateUnusable("garbage", f"{path} holds no readable private key") from None
    if not is_pem:
        raise CertificateUnusable("not_pem", f"{path} holds a key in DER form; servers and clients read PEM")
    return _key_hash(public_key)


def issued(issuer: Certificate, certificate: Certificate) -> bool:
    """Say whether the issuer's name stands in the certificate and its key made the signature."""
    try:
        certificate.parsed.verify_directly_issued_by(issuer.parsed)
    except Exception:  # bad signature, other name, unknown algorithm, broken key: none of them is an issuer
        return False
    return True


def distinct(certificates: Iterable[Certificate]) -> list[Certificate]:
    """Give each certificate once, in order."""
    return list({one.sha256: one for one in reversed(list(certificates))}.values())[::-1]


def _bytes_of(path: Path) -> bytes:
    try:
        return read_bounded(path, max_bytes=MAX_FILE_BYTES)
    except FileUnusable as unusable:
        raise CertificateUnusable(unusable.code, unusable.text) from None


def _plain(parsed: x509.Certificate, *, where: str) -> Certificate:
    try:
        with _oddities_allowed():
            return _values_of(parsed, where)
    except UNREADABLE as error:
        text = f"{where} has a certificate that breaks the rules of X.509: {_first_words(error)}"
        raise CertificateUnusable("garbage", text) from None


@contextmanager
def _oddities_allowed() -> Iterator[None]:
    """Keep the library from warning: odd serials and the like are no reason not to look."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _values_of(parsed: x509.Certificate, where: str) -> Certificate:
    extensions = {type(one.value): one.value for one in parsed.extensions}
    names = extensions.get(x509.SubjectAlternativeName)
    constraints = extensions.get(x509.BasicConstraints)
    usages = extensions.get(x509.ExtendedKeyUsage)
    key_id = extensions.get(x509.SubjectKeyIdentifier)
    authority = extensions.get(x509.AuthorityKeyIdentifier)
    common_names = [str(one.value) for one in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    public_key = parsed.public_key()
    kind, bits = _kind_and_bits(public_key)
    return Certificate(
        where=where,
        parsed=parsed,
        subject=parsed.subject.rfc4514_string() or "-",
        issuer=parsed.issuer.rfc4514_string() or "-",
        common_name=common_names[-1] if common_names else "",
        serial=f"{parsed.serial_number:x}",
        not_before_at=parsed.not_valid_before_utc,
        not_after_at=parsed.not_valid_after_utc,
        dns_names=_dns_names(names),
        ip_addresses=_ip_addresses(names),
        has_alternative_names=names is not None,
        is_ca=isinstance(constraints, x509.BasicConstraints) and constraints.ca,
        key_id=key_id.digest.hex() if isinstance(key_id, x509.SubjectKeyIdentifier) else "",
        authority_key_id=_authority_key_id(authority),
        extended_usages=_usages(usages),
        key_kind=kind,
        key_bits=bits,
        sha256=hashlib.sha256(parsed.public_bytes(Encoding.DER)).hexdigest(),
        public_key_sha256=_key_hash(public_key),
    )


def _dns_names(names: object) -> tuple[str, ...]:
    if not isinstance(names, x509.SubjectAlternativeName):
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


def _ip_addresses(names: object) -> tuple[str, ...]:
    if not isinstance(names, x509.SubjectAlternativeName):
        return ()
    addresses = names.get_values_for_type(x509.IPAddress)
    return tuple(str(one) for one in addresses if isinstance(one, ipaddress.IPv4Address | ipaddress.IPv6Address))


def _authority_key_id(authority: object) -> str:
    if isinstance(authority, x509.AuthorityKeyIdentifier) and authority.key_identifier:
        return authority.key_identifier.hex()
    return ""


def _usages(usages: object) -> frozenset[str] | None:
    return frozenset(one.dotted_string for one in usages) if isinstance(usages, x509.ExtendedKeyUsage) else None


def _kind_and_bits(key: object) -> tuple[str, int]:
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    if isinstance(key, ed448.Ed448PublicKey):
        return "Ed448", 456
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    return type(key).__name__, 0


def _key_hash(key: object) -> str:
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return hashlib.sha256(data).hexdigest()


def _first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
