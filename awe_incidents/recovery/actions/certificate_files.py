"""The certificate files of a [tls.*] table where they lie: what is there, and what is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from awe_incidents.recovery.actions.issuing import CLIENT, SERVER, Pair
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.certificates import (
    Certificate,
    CertificateUnusable,
    issued,
    read_certificates,
    read_public_key,
)
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import read_bounded
from diagnostics.probes.hostnames import bears
from diagnostics.stack import StackConfig, TlsFiles
from diagnostics.stack.config import Endpoint

ABSENT = "absent"
SOON = timedelta(days=30)  # as ssl.certificate_validity warns
MAX_BYTES = 2_000_000
KEY_SUFFIX = ".key"
ANY_USE = x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
KEYS = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one certificate and its key lie; one path where both stand in one file. Links are followed."""

    role: str  # ca, client_ca, server, client
    certificate: Path
    key: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """Give each file once."""
        return tuple(dict.fromkeys([self.certificate, self.key]))


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at a place; `problem` says why a certificate or its key cannot be used."""

    place: Place
    certificates: tuple[Certificate, ...] = ()
    public_key: str = ""
    problem: str = ""
    is_absent: bool = False  # neither of the files is there

    @property
    def leaf(self) -> Certificate | None:
        """Give the certificate itself, where it can be read."""
        return self.certificates[0] if self.certificates else None

    @property
    def former(self) -> x509.Certificate | None:
        """Give it for making the next one like it."""
        return self.leaf.parsed if self.leaf else None


@dataclass(frozen=True, slots=True)
class Table:
    """One [tls.*] table with the endpoints that use it."""

    files: TlsFiles
    endpoints: tuple[Endpoint, ...]
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def places(self) -> tuple[Place, ...]:
        """Give the places that the table describes. A CA's key lies beside it, under the suffix .key."""
        files, places = self.files, [_authority("ca", self.files.ca)]
        if files.client_ca and files.client_ca.resolve() != files.ca.resolve():
            places.append(_authority("client_ca", files.client_ca))
        if files.server_certificate and files.server_key:
            places.append(Place("server", files.server_certificate.resolve(), files.server_key.resolve()))
        if files.client_certificate:
            key = files.client_key or files.client_certificate
            places.append(Place("client", files.client_certificate.resolve(), key.resolve()))
        return tuple(places)

    @property
    def home(self) -> Path:
        """Give the folder above all of them, or that of the CA where they have no more in common than the system."""
        folders = [path.parent for place in self.places for path in place.paths]
        shared = folders[0]
        while not all(folder.is_relative_to(shared) for folder in folders):
            shared = shared.parent
        return shared if len(shared.parts) > 2 else folders[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names and addresses that clients use, that of the address first."""
        named = [name for one in self.endpoints for name in (urlsplit(one.url).hostname or "", *one.names)]
        return tuple(dict.fromkeys(named))

    def place(self, role: str) -> Place | None:
        """Give the place of a role, where the table has one."""
        return next((one for one in self.places if one.role == role), None)

    def issuer_role(self, role: str) -> str:
        """Give the role of the CA that issues it."""
        return "client_ca" if role == "client" and self.place("client_ca") else "ca"

    def found(self) -> dict[str, Found]:
        """Read everything. Raises: NotPermitted."""
        return {place.role: look(place) for place in self.places}

    def wrong(self, role: str, found: Mapping[str, Found], *, soon: bool = False) -> str:
        """Say why a certificate has to be made anew (`soon`: or will have to); nothing where it is fine."""
        one = found[role]
        if one.leaf is None or (one.problem and not role.endswith("ca")):
            return one.problem or "it is not there"
        if reason := _outdated(one.leaf, self.at, soon=soon):
            return reason
        if role.endswith("ca"):
            return ""
        issuers = found[self.issuer_role(role)].certificates
        if issuers and not any(issued(upper, lower) for upper in issuers for lower in one.certificates):
            return f"it was not issued by {issuers[0].where}"
        usage = (SERVER if role == "server" else CLIENT).dotted_string
        if one.leaf.extended_usages is not None and not one.leaf.extended_usages & {usage, ANY_USE.dotted_string}:
            return f"it is not made for a {role}"
        if missing := [name for name in self.names if not bears(one.leaf, name)] if role == "server" else []:
            return f"it lacks the names {', '.join(missing)}"
        return ""


def table_of(stack: StackConfig, name: str) -> Table:
    """Give a table by its name, or the only one that an endpoint uses. Raises: ActionNotApplicable."""
    used = list(dict.fromkeys(one.tls for one in stack.endpoints.values() if one.tls))
    if name and name not in stack.tls:
        raise ActionNotApplicable(f"there is no [tls.{name}]; known: {', '.join(sorted(stack.tls)) or 'none'}")
    if not name and len(used) != 1:
        raise ActionNotApplicable(f"{len(used)} [tls.*] tables are used by endpoints; name one: {', '.join(used)}")
    chosen = name or used[0]
    endpoints = tuple(one for one in stack.endpoints.values() if one.tls == chosen and one.url.startswith("https:"))
    if not endpoints:
        raise ActionNotApplicable(f"no https endpoint uses [tls.{chosen}], so nothing could be seen from outside")
    files = stack.tls[chosen]
    if files.server_certificate is None or files.server_key is None:
        raise ActionNotApplicable(f"[tls.{chosen}] names no server_certificate and server_key")
    return Table(files, endpoints)


def look(place: Place) -> Found:
    """Read a certificate and the public half of its key. Raises: NotPermitted."""
    try:
        certificates = read_certificates(place.certificate)
    except CertificateUnusable as unusable:
        is_absent = not any(path.exists() for path in place.paths)
        return Found(place, problem=unusable.text, is_absent=is_absent)
    try:
        public_key = read_public_key(place.key)
    except CertificateUnusable as unusable:
        return Found(place, certificates, problem=unusable.text)
    own = next((one for one in certificates if one.public_key_sha256 == public_key), None)
    if place.role.endswith("ca") and own is not None:  # a bundle of several: the one whose key is here issues
        rest = tuple(one for one in certificates if one is not own)
        return Found(place, (own, *rest), public_key)
    is_pair = certificates[0].public_key_sha256 == public_key
    problem = "" if is_pair else f"{place.key} is not the key of {place.certificate}"
    return Found(place, certificates, public_key, problem)


def issuer_of(found: Found) -> Pair:
    """Read a CA with its private key, to issue with. Raises: ActionNotApplicable, NotPermitted."""
    place = found.place
    if found.leaf is None or found.problem:
        raise ActionNotApplicable(f"nothing can be issued: {found.problem or f'{place.certificate} is not there'}")
    try:
        key = load_pem_private_key(read_bounded(place.key, max_bytes=MAX_BYTES), password=None)
    except (FileUnusable, ValueError, TypeError, UnsupportedAlgorithm):  # its text may describe the key
        raise ActionNotApplicable(f"nothing can be issued: {place.key} holds no usable private key") from None
    if not isinstance(key, KEYS):
        raise ActionNotApplicable(f"nothing can be issued with a key of the kind of {place.key}")
    above = _issuers(found.leaf, found.certificates)
    return Pair(found.leaf.parsed, key, tuple(one.parsed for one in above if not one.is_self_issued))


def mark(path: Path, *, is_key: bool) -> str:
    """Give what changes when a file does: SHA-256 of certificates, and of a key's public half only.

    Raises: NotPermitted.
    """
    try:
        data = read_bounded(path, max_bytes=MAX_BYTES)
    except FileUnusable as unusable:
        return ABSENT if unusable.code == "missing" else f"unusable ({unusable.code})"
    if not is_key and b"PRIVATE KEY" not in data:
        return f"sha256 {hashlib.sha256(data).hexdigest()}"
    parts = []
    with suppress(CertificateUnusable):
        parts += [one.sha256 for one in read_certificates(path)]
    try:
        parts.append(read_public_key(path))
    except CertificateUnusable as unusable:
        parts.append(f"unusable ({unusable.code})")
    return f"public key {' '.join(parts)}"


def marks(places: Sequence[Place]) -> dict[str, str]:
    """Give the mark of every file by its path. Raises: NotPermitted."""
    return {str(path): mark(path, is_key=path == place.key) for place in places for path in place.paths}


def serials(found: Mapping[str, Found]) -> dict[str, str]:
    """Give the serial numbers by role, of what can be read."""
    return {role: one.leaf.serial for role, one in found.items() if one.leaf}


def _authority(role: str, path: Path) -> Place:
    return Place(role, path.resolve(), path.with_suffix(KEY_SUFFIX).resolve())


def _outdated(leaf: Certificate, at: datetime, *, soon: bool) -> str:
    if leaf.not_after_at <= at:
        return f"it ended on {leaf.not_after_at:%Y-%m-%d %H:%M} UTC"
    if leaf.not_before_at > at:
        return f"it begins on {leaf.not_before_at:%Y-%m-%d %H:%M} UTC only"
    margin = SOON if leaf.is_ca else min(SOON, (leaf.not_after_at - leaf.not_before_at) / 3)
    return f"it ends on {leaf.not_after_at:%Y-%m-%d %H:%M} UTC" if soon and leaf.not_after_at - at < margin else ""


def _issuers(one: Certificate, pool: Sequence[Certificate]) -> Iterator[Certificate]:
    """Climb from a CA to its own issuers, as far as they are in the same file."""
    seen = {one.sha256}
    while upper := next((other for other in pool if other.sha256 not in seen and issued(other, one)), None):
        seen.add(upper.sha256)
        yield upper
        one = upper
