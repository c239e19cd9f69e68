"""SSL-01: load every configured certificate and key file, and see that they fit together.

Pass: every file parses as PEM, the keys match their certificates, the chains are in order. Warn: an RSA key under
2048 bits, a private key that more can read than its owner (0600, or 0640 where root owns it), a chain with
certificates out of order or without use. Fail: a file missing, empty, garbage, in
DER form, too large or no regular file; an encrypted key; a key of another certificate; a CA file without a CA.
A file that the checking user may not read is an `error`.
Source: RFC 8446 4.4.2 and RFC 5246 7.4.2 (order), PostgreSQL's rule for server keys (modes), NIST SP 800-131A (RSA).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.certificates import (
    Certificate,
    CertificateUnusable,
    issued,
    read_certificates,
    read_public_key,
)
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.files import mode_of, stat_line
from diagnostics.stack import StackConfig, TlsFiles

RSA_BITS = 2048
ROOT_MODE, OWNER_MODE = 0o640, 0o600


@dataclass(frozen=True, slots=True)
class Slot:
    """One configured file: its key in the stack's description, and for a key the certificate beside it."""

    table: str
    role: str
    path: Path
    certificate: Path | None = None

    @property
    def target(self) -> str:
        """Name the file."""
        return str(self.path)


@dataclass(frozen=True, kw_only=True)
class CertificateFiles(Check):
    """Every file of every [tls.*] table."""

    slug: ClassVar[str] = "ssl.certificate_files"
    title: ClassVar[str] = "Certificate and key files can be loaded and fit together"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where certificate files are described."""
        return None if stack.tls else "the stack describes no [tls.*]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Load one file after the other."""
        slots = [slot for files in seeing.stack.tls.values() for slot in _slots(files)]
        yield from look_at_each(seeing, slots, lambda slot: _look(seeing, slot), named=lambda slot: slot.target)


def _slots(files: TlsFiles) -> Iterator[Slot]:
    for role in ("ca", "client_ca", "server_certificate", "client_certificate"):
        if path := getattr(files, role):
            yield Slot(files.name, role, path)
    if files.server_key:
        yield Slot(files.name, "server_key", files.server_key, files.server_certificate)
    if files.client_certificate:
        key = files.client_key or files.client_certificate  # both may stand in one file
        yield Slot(files.name, "client_key", key, files.client_certificate)


def _look(seeing: Seeing, slot: Slot) -> Iterator[Finding]:
    seeing.seconds_left()
    try:
        yield from _key(seeing, slot) if slot.role.endswith("_key") else _certificates(seeing, slot)
    except CertificateUnusable as unusable:
        evidence = seeing.keep("file_stat", source=slot.target, content=[unusable.text])
        yield Finding(
            state=State.FAIL,
            code=f"certificate_file.{unusable.code}",
            message=seeing.clean(f"{slot.role} of [tls.{slot.table}]: {unusable.text}"),
            target=slot.target,
            citations=(evidence.whole(),),
        )


def _certificates(seeing: Seeing, slot: Slot) -> Iterator[Finding]:
    certificates = read_certificates(slot.path)
    lines = [line for one in certificates[:20] for line in (*one.lines(), "")]
    evidence = seeing.keep("cert", source=slot.target, content=[stat_line(slot.path), *lines])
    state, code, said = _verdict(slot, certificates)
    yield Finding(
        state=state,
        code=code,
        message=f"{slot.role} of [tls.{slot.table}] {said}",
        target=slot.target,
        measured={
            "certificates": Measurement(len(certificates)),
            "sha256": Measurement(certificates[0].sha256, lasts=True),
        },
        citations=(evidence.whole(),),
    )
    weak = [one for one in certificates if one.key_kind == "RSA" and one.key_bits < RSA_BITS]
    if weak and not slot.role.endswith("ca"):
        yield Finding(
            state=State.WARN,
            code="certificate_file.weak_key",
            message=f"{slot.role} of [tls.{slot.table}] has an RSA key of {weak[0].key_bits} bits, under {RSA_BITS}",
            target=slot.target,
            measured={"key_bits": Measurement(weak[0].key_bits, "bit")},
            threshold=Threshold("rsa_bits", RSA_BITS, "bit", "default", "NIST SP 800-131A"),
            citations=(evidence.whole(),),
        )


def _verdict(slot: Slot, certificates: tuple[Certificate, ...]) -> tuple[State, str, str]:
    if slot.role.endswith("ca"):
        if not any(one.is_ca or one.is_self_issued for one in certificates):
            return State.FAIL, "certificate_file.no_ca", "holds no CA certificate"
        return State.PASS, "certificate_file.loaded", f"holds {len(certificates)} certificate(s)"
    leaf, *above = certificates
    if leaf.is_ca and any(not one.is_ca for one in above):
        return State.FAIL, "certificate_file.leaf_not_first", "begins with a CA; its own certificate must stand first"
    links = list(zip(certificates, above, strict=False))
    if not all(issued(upper, lower) for lower, upper in links):
        text = "has a chain in which a certificate is not followed by its issuer"
        return State.WARN, "certificate_file.chain_order", text
    return State.PASS, "certificate_file.loaded", f"holds {leaf.subject} and {len(above)} issuer(s) in order"


def _key(seeing: Seeing, slot: Slot) -> Iterator[Finding]:
    digest = read_public_key(slot.path)
    leaf = _leaf(slot.certificate)
    lines = [stat_line(slot.path), f"public_key_sha256: {digest}"]
    if leaf:
        lines.append(f"public_key_sha256 of {leaf.where}: {leaf.public_key_sha256}")
    evidence = seeing.keep("file_stat", source=slot.target, content=lines)
    name, cited = f"{slot.role} of [tls.{slot.table}]", (evidence.whole(),)
    if leaf and leaf.public_key_sha256 != digest:
        text = f"{name} is not the key of {leaf.where}"
        yield Finding(
            state=State.FAIL, code="certificate_file.key_mismatch", message=text, target=slot.target, citations=cited
        )
        return
    about = mode_of(slot.path)
    mode, allowed = about.st_mode & 0o777, ROOT_MODE if about.st_uid == 0 else OWNER_MODE
    if mode & ~allowed & 0o077:
        yield Finding(
            state=State.WARN,
            code="certificate_file.key_mode",
            message=f"{name} has mode {mode:04o}; others than its owner can get at it (at most {allowed:04o})",
            target=slot.target,
            measured={"mode": Measurement(f"{mode:04o}")},
            citations=(evidence.lines(1),),
        )
        return
    text = f"{name} is readable{' and belongs to its certificate' if leaf else ''}"
    yield Finding(
        state=State.PASS, code="certificate_file.key_loaded", message=text, target=slot.target, citations=cited
    )


def _leaf(path: Path | None) -> Certificate | None:
    if path is None:
        return None
    try:
        return read_certificates(path)[0]
    except (CertificateUnusable, NotPermitted):  # said already, as a finding about that file
        return None
