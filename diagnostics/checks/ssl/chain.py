"""SSL-03: does the chain that a door serves lead to a CA of the stack's `ca` file? Two verifiers are asked.

OpenSSL, by a real handshake that verifies (as Python, curl, libpq and nginx do), and the verifier of `cryptography`,
which follows RFC 5280 and the CA/B Forum's rules to the letter (as Go, rustls, Java and browsers mostly do). Names are
ssl.names' business, dates that of ssl.certificate_validity. Pass: `chain.accepted` by both; a certificate without
alternative names is judged by OpenSSL alone. Warn, where only one accepts: `chain.only_openssl`, `chain.only_strict`,
saying which clients will fail. Fail, where none does: `chain.missing_intermediate` (found in the stack's files or
beside them, or named by the certificate), `chain.self_signed`, `chain.unknown_ca`, else what OpenSSL says, such as
`chain.wrong_purpose`, invalid_ca, weak_key, weak_signature, bad_signature or certificate_refused. The evidence draws
the chain and what its end lacks: the issuer's name and authority key id, beside the subject key ids that we hold.
Skip: `chain.nothing_seen`, where the door showed no certificate. Exact, no threshold. Source: on 208 published cases
the two agree on 148 of the 161 that both can judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.served import MAX_MEETINGS_AT_ONCE, PATIENCE, certificates_at_hand, tls_endpoints
from diagnostics.probes import tls
from diagnostics.probes.certificates import Certificate, CertificateUnusable, read_certificates
from diagnostics.probes.chains import missing_link, path_to_anchor, server_verdict
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import TlsFilesUnusable
from diagnostics.probes.handshake import Meeting, Outcome, meet
from diagnostics.stack import Endpoint, StackConfig, TlsFiles

SELF_SIGNED = (18, 19)  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
LENIENT = "OpenSSL accepts it (Python, curl, libpq, nginx); Go, rustls, Java and browsers are likely to refuse it"
STRICT = "cryptography accepts it, as Go and rustls do; OpenSSL refuses it, and with it Python, libpq and nginx"
MAX_TRUSTED_SHOWN = 20

Door = tuple[Endpoint, TlsFiles]


@dataclass(frozen=True, slots=True)
class Judged:
    """A served chain, what is trusted, and what the verifiers say."""

    served: tuple[Certificate, ...]
    anchors: tuple[Certificate, ...]
    meeting: Meeting
    strict: str | None  # "accepted", the words of a refusal, or None where it cannot be asked

    @property
    def openssl(self) -> str:
        """Give "accepted" or the refusal with its number."""
        if self.meeting.outcome is not Outcome.UNTRUSTED:
            return "accepted"
        return f"verify code {self.meeting.verify_code} ({self.meeting.code}): {self.meeting.text}"


@dataclass(frozen=True, kw_only=True)
class Chain(Check):
    """Every TLS endpoint's chain, as it is served."""

    slug: ClassVar[str] = "ssl.chain"
    title: ClassVar[str] = "The chain that is served leads to a CA that clients trust"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})
    requires: ClassVar[tuple[str, ...]] = ("ssl.certificate_files", "ssl.certificate_validity")

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where an endpoint speaks TLS."""
        return None if tls_endpoints(stack) else "the stack describes no https endpoint"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Shake hands with all doors at once as a client that verifies, then judge each."""
        doors = tls_endpoints(seeing.stack)
        seeing.seconds_left()
        with ThreadPoolExecutor(MAX_MEETINGS_AT_ONCE) as pool:
            coming = {door[0].name: pool.submit(_meet, *door) for door in doors}
            yield from look_at_each(
                seeing,
                doors,
                lambda door: [_door(seeing, door, coming[door[0].name].result())],
                named=lambda door: door[0].url,
            )


def _meet(endpoint: Endpoint, files: TlsFiles) -> Meeting | TlsFilesUnusable:
    """Shake hands and verify everything but the name. Raises: NotPermitted."""
    try:
        context = tls.client_context(files, identity=None)
    except TlsFilesUnusable as unusable:
        return unusable
    if identity := tls.client_identity(files):
        with suppress(TlsFilesUnusable, NotPermitted):  # only to be polite: the server's chain comes first
            tls.present(context, identity)
    context.check_hostname = False
    return meet(endpoint, context, patience=PATIENCE)


def _door(seeing: Seeing, door: Door, meeting: Meeting | TlsFilesUnusable) -> Finding:
    endpoint, files = door
    if isinstance(meeting, TlsFilesUnusable):
        raise CouldNotLook(meeting.text, code="tls_files")
    if not meeting.served:
        text = f"{endpoint.url} showed no certificate ({meeting.text or 'none was sent'})"
        return Finding(state=State.SKIP, code="chain.nothing_seen", message=seeing.clean(text), target=endpoint.url)
    try:
        anchors = read_certificates(files.ca)
    except CertificateUnusable as unusable:
        raise CouldNotLook(unusable.text, code=unusable.code) from None
    strict = server_verdict(meeting.served, anchors, seeing.now())
    return _finding(seeing, endpoint, files, Judged(meeting.served, anchors, meeting, strict))


def _finding(seeing: Seeing, endpoint: Endpoint, files: TlsFiles, judged: Judged) -> Finding:
    state, code, said = _verdict(seeing, judged, files)
    evidence = _draw(seeing, endpoint, files, judged)
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{endpoint.name}: {said}"),
        target=endpoint.url,
        measured={
            "openssl": Measurement(judged.openssl),
            "cryptography": Measurement(judged.strict or "not asked: no alternative names"),
            "verify_code": Measurement(judged.meeting.verify_code),
            "certificates_served": Measurement(len(judged.served)),
        },
        citations=(evidence.whole(),),
        next_checks=("ssl.names",) if judged.strict is None else (),
    )


def _verdict(seeing: Seeing, judged: Judged, files: TlsFiles) -> tuple[State, str, str]:
    is_lenient = judged.openssl == "accepted"
    if is_lenient and judged.strict in {"accepted", None}:
        others = len(judged.served) - 1
        return State.PASS, "chain.accepted", f"certificate and {others} more lead to a CA of {files.ca}"
    if is_lenient:
        return State.WARN, "chain.only_openssl", f"{LENIENT}: {judged.strict}"
    if judged.strict == "accepted":
        return State.WARN, "chain.only_strict", f"{STRICT}: {judged.openssl}"
    code, text = _lacking(seeing, judged) or (judged.meeting.code, judged.meeting.text)
    return State.FAIL, f"chain.{code}", text


def _lacking(seeing: Seeing, judged: Judged) -> tuple[str, str] | None:
    """Say what the chain lacks, where it does not reach a trusted certificate."""
    leaf = judged.served[0]
    chain, is_anchored = path_to_anchor(leaf, judged.served[1:], judged.anchors)
    if is_anchored:
        return None
    if judged.meeting.verify_code in SELF_SIGNED and chain[-1] is leaf and leaf.is_self_issued:
        return "self_signed", f"the certificate {leaf.subject} is signed by itself and is not in the CA file"
    problem = missing_link(judged.served, judged.anchors, certificates_at_hand(seeing.stack), top=chain[-1])
    return problem.code, f"the chain ends at {problem.certificate.subject}: {problem.text}"


def _draw(seeing: Seeing, endpoint: Endpoint, files: TlsFiles, judged: Judged) -> Evidence:
    """Draw the chain from the leaf upwards, what its end lacks, and what is trusted."""
    chain, is_anchored = path_to_anchor(judged.served[0], judged.served[1:], judged.anchors)
    lines = [f"OpenSSL: {judged.openssl}", f"cryptography: {judged.strict or 'not asked'}", ""]
    for number, one in enumerate(chain):
        trusted = " [trusted]" if is_anchored and number == len(chain) - 1 else ""
        lines += [f"{number}  {one.subject}{trusted}", *_keys(one)]
        if number < len(chain) - 1:
            lines.append("   ^ signed by")
    if not is_anchored:
        top = chain[-1]
        lines.append(f"   ^ MISSING: {top.issuer}, key id {top.authority_key_id or 'not named'}")
    unused = [one for one in judged.served if one not in chain]
    lines += [f"served and not part of the chain: {one.subject}, key id {one.key_id or '-'}" for one in unused]
    lines += ["", f"trusted by {files.ca}:", *_held(judged.anchors)]
    for one in judged.served:
        lines += ["", *one.lines()]
    return seeing.keep("cert", source=f"chain of {endpoint.url}", content=lines)


def _keys(one: Certificate) -> list[str]:
    return [f"     subject key id {one.key_id or '-'}, authority key id {one.authority_key_id or '-'}"]


def _held(anchors: Sequence[Certificate]) -> list[str]:
    lines = [f"  {one.subject}, subject key id {one.key_id or '-'}" for one in anchors[:MAX_TRUSTED_SHOWN]]
    return lines + ([f"  ... {len(anchors) - MAX_TRUSTED_SHOWN} more"] if len(anchors) > MAX_TRUSTED_SHOWN else [])
