"""SSL-06: would the server accept the stack's client certificate, and if not, why? Judged here, from the files.

The server's own words are of no help (`bad certificate`), so the reason is computed against the client CA (`client_ca`
of the stack, else `ca`). Fail: `client_certificate.not_presented` (a client CA, and no client certificate),
key_mismatch, unknown_ca, missing_intermediate, expired, not_yet_valid, wrong_eku, wrong_key_usage. Pass: a chain of
signatures from the certificate to that CA, all within their dates and fit for client authentication.
A missing intermediate is told from a foreign CA by finding it in the stack's files or beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Finding, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.served import certificates_at_hand
from diagnostics.probes.certificates import Certificate, CertificateUnusable, read_certificates, read_public_key
from diagnostics.probes.chains import strict_verdict, why_refused
from diagnostics.stack import StackConfig, TlsFiles


@dataclass(frozen=True, kw_only=True)
class ClientCertificate(Check):
    """Each [tls.*] table that has to do with client certificates."""

    slug: ClassVar[str] = "ssl.client_certificate"
    title: ClassVar[str] = "The client certificate is one that the server accepts"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})
    requires: ClassVar[tuple[str, ...]] = ("ssl.certificate_files", "ssl.certificate_validity")

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where client certificates are described."""
        return None if _tables(stack) else "no [tls.*] table has a client_certificate or a client_ca"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Judge one table after the other."""
        tables = _tables(seeing.stack)
        yield from look_at_each(
            seeing, tables, lambda files: _judge(seeing, files), named=lambda files: f"[tls.{files.name}]"
        )


def _tables(stack: StackConfig) -> list[TlsFiles]:
    return [files for files in stack.tls.values() if files.client_certificate or files.client_ca]


def _judge(seeing: Seeing, files: TlsFiles) -> Iterator[Finding]:
    path = files.client_certificate
    if path is None:
        text = f"[tls.{files.name}] has a client_ca but no client_certificate: nothing can be shown to the server"
        yield Finding(
            state=State.FAIL,
            code="client_certificate.not_presented",
            message=text,
            target=f"[tls.{files.name}]",
        )
        return
    try:
        presented, anchors = read_certificates(path), read_certificates(files.client_ca or files.ca)
        key = read_public_key(files.client_key or path)
    except CertificateUnusable as unusable:
        yield _failed(seeing, files, "unreadable", unusable.text, [])
        return
    if key != presented[0].public_key_sha256:
        text = f"{files.client_key or path} is not the key of {path}"
        yield _failed(seeing, files, "key_mismatch", text, [presented[0]])
        return
    now = seeing.now()
    strict = strict_verdict(presented, anchors, now)
    if problem := why_refused(presented, anchors, certificates_at_hand(seeing.stack), now):
        involved = [problem.certificate, *([problem.other] if problem.other else [])]
        yield _failed(seeing, files, problem.code, problem.text, involved, strict=strict)
        return
    evidence = seeing.keep("cert", source=str(path), content=[*presented[0].lines(), f"verifier: {strict}"])
    yield Finding(
        state=State.PASS,
        code="client_certificate.acceptable",
        message=f"{path} leads to a CA of {files.client_ca or files.ca} and may authenticate a client",
        target=str(path),
        citations=(evidence.whole(),),
    )


def _failed(
    seeing: Seeing, files: TlsFiles, code: str, text: str, involved: list[Certificate], *, strict: str = ""
) -> Finding:
    lines = [text, *([f"verifier: {strict}"] if strict else [])]
    for certificate in involved:
        lines += ["", *certificate.lines()]
    evidence = seeing.keep("cert", source=str(files.client_certificate), content=lines)
    return Finding(
        state=State.FAIL,
        code=f"client_certificate.{code}",
        message=seeing.clean(f"the server would refuse {files.client_certificate}: {text}"),
        target=str(files.client_certificate),
        citations=(evidence.whole(),),
    )
