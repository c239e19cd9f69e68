"""Issue certificates as the former ones were: kind of key, subject, names, usages and lifetime are kept (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
T = TypeVar("T", bound=x509.ExtensionType)
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

CA_LIFETIME = timedelta(days=1825)
LEAF_LIFETIME = timedelta(days=365)
SHORTEST = timedelta(days=1)  # what was made for less was made for something else
CLOCK_SKEW = timedelta(hours=1)  # a new certificate must already be valid on a machine whose clock is behind
RSA_BITS = 2048  # NIST SP 800-131A; smaller ones are not made again
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
# Made anew for every certificate, or (what a public log signed) true of the old one only.
NOT_KEPT = (
    x509.SubjectKeyIdentifier,
    x509.AuthorityKeyIdentifier,
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.PrecertificateSignedCertificateTimestamps,
)
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its private key, and what is sent along with it: issuers below the root."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def certificates_pem(self) -> bytes:
        """Give the certificate and its chain, in the order of sending."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain))

    def key_pem(self, *, like: bytes = b"") -> bytes:
        """Give the key, unencrypted, in the form that the former file had."""
        is_traditional = b"BEGIN RSA PRIVATE KEY" in like or b"BEGIN EC PRIVATE KEY" in like
        if is_traditional and isinstance(self.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def below(self) -> tuple[x509.Certificate, ...]:
        """Give what goes along with a certificate that this one issues."""
        is_root = self.certificate.subject == self.certificate.issuer
        return self.chain if is_root else (self.certificate, *self.chain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a certificate shall be, where there is no former one that says so."""

    common_name: str
    names: tuple[str, ...] = ()  # host names and addresses that must be borne, besides those of the former one
    usage: x509.ObjectIdentifier = SERVER
    lifetime: timedelta | None = None  # None: as long as the former one
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def key_like(former: x509.Certificate | None) -> PrivateKey:
    """Make a key of the same kind and size; RSA of 2048 bits at least, and P-256 where there is nothing to go by."""
    public = former.public_key() if former else None
    if isinstance(public, rsa.RSAPublicKey):
        return rsa.generate_private_key(public_exponent=65537, key_size=max(RSA_BITS, public.key_size))
    if isinstance(public, ed25519.Ed25519PublicKey):
        return ed25519.Ed25519PrivateKey.generate()
    if isinstance(public, ed448.Ed448PublicKey):
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(public.curve if isinstance(public, ec.EllipticCurvePublicKey) else ec.SECP256R1())


def authority(wanted: Wanted, *, former: x509.Certificate | None = None, key: PrivateKey | None = None) -> Pair:
    """Make a self-signed CA; with the key of the former one, what that issued goes on being accepted."""
    key = key or key_like(former)
    subject = former.subject if former else _named(wanted.common_name)
    builder = _begun(subject, subject, key, key)
    builder = _dated(builder, wanted, former, usual=CA_LIFETIME)
    constraints = _value(former, x509.BasicConstraints) or x509.BasicConstraints(ca=True, path_length=0)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=constraints.path_length), critical=True)
    builder = builder.add_extension(_usages(former, "key_cert_sign", "crl_sign"), critical=True)
    return Pair(_kept(builder, former).sign(key, _digest(key, former)), key)


def leaf(wanted: Wanted, *, issuer: Pair, former: x509.Certificate | None = None) -> Pair:
    """Issue a certificate for a server or a client, with a new key; it never outlives its issuer."""
    key = key_like(former)
    subject = former.subject if former else _named(wanted.common_name)
    builder = _begun(subject, issuer.certificate.subject, key, issuer.key)
    builder = _dated(builder, wanted, former, usual=LEAF_LIFETIME, within=issuer.certificate)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usages(former, "digital_signature"), critical=True)
    usages = _value(former, x509.ExtendedKeyUsage)
    if former is None or usages is not None:
        found = list(usages or ())
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(dict.fromkeys([*found, wanted.usage]))), False)
    if names := _alternatives(former, wanted):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Pair(_kept(builder, former).sign(issuer.key, _digest(issuer.key, former)), key, issuer.below)


def _begun(subject: x509.Name, issuer: x509.Name, key: PrivateKey, signer: PrivateKey) -> x509.CertificateBuilder:
    own, above = key.public_key(), signer.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
    )


def _dated(
    builder: x509.CertificateBuilder,
    wanted: Wanted,
    former: x509.Certificate | None,
    *,
    usual: timedelta,
    within: x509.Certificate | None = None,
) -> x509.CertificateBuilder:
    starts = wanted.at - CLOCK_SKEW
    ends = starts + (wanted.lifetime or lifetime_of(former) or usual)
    if within is not None:
        starts, ends = max(starts, within.not_valid_before_utc), min(ends, within.not_valid_after_utc)
    return builder.not_valid_before(starts).not_valid_after(max(ends, starts + timedelta(seconds=1)))


def lifetime_of(former: x509.Certificate | None) -> timedelta | None:
    """Give how long a certificate was made to be valid; None where that makes no sense."""
    if former is None:
        return None
    span = former.not_valid_after_utc - former.not_valid_before_utc
    return span if span >= SHORTEST else None


def _usages(former: x509.Certificate | None, *needed: str) -> x509.KeyUsage:
    """Keep what the key may be used for, and add what it must be."""
    found = _value(former, x509.KeyUsage)
    allowed = {name: bool(found and getattr(found, name)) or name in needed for name in USAGES}
    agrees = bool(found and found.key_agreement)
    return x509.KeyUsage(
        **allowed,
        encipher_only=bool(agrees and found and found.encipher_only),
        decipher_only=bool(agrees and found and found.decipher_only),
    )


def _alternatives(former: x509.Certificate | None, wanted: Wanted) -> list[x509.GeneralName]:
    known = list(_value(former, x509.SubjectAlternativeName) or ())
    return list(dict.fromkeys([*known, *map(general_name, wanted.names)]))


def general_name(name: str) -> x509.GeneralName:
    """Give a host name or an address as it stands among alternative names."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)


def _kept(builder: x509.CertificateBuilder, former: x509.Certificate | None) -> x509.CertificateBuilder:
    for one in former.extensions if former else ():
        if not isinstance(one.value, NOT_KEPT):
            builder = builder.add_extension(one.value, critical=one.critical)
    return builder


def _value(former: x509.Certificate | None, kind: type[T]) -> T | None:
    if former is None:
        return None
    try:
        return former.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _digest(key: PrivateKey, former: x509.Certificate | None) -> Digest | None:
    """Give the digest to sign with: as long as the key's curve asks for, and never an outdated one."""
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return hashes.SHA512() if key.key_size > 384 else hashes.SHA384() if key.key_size > 256 else hashes.SHA256()
    known = former.signature_hash_algorithm if former else None
    return known if isinstance(known, hashes.SHA384 | hashes.SHA512) else hashes.SHA256()


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def names_of(certificates: Sequence[x509.Certificate]) -> list[str]:
    """Give the host names and addresses of a certificate, as people write them."""
    found = _value(certificates[0], x509.SubjectAlternativeName) if certificates else None
    if found is None:
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]
