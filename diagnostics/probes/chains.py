"""Why would somebody refuse a certificate? Chains built from what lies here, link by link.

Servers say only `bad certificate` or `unknown ca`, and verifiers give the same text for a foreign CA and for a missing
intermediate (measured), so the two are told apart by what could be the missing link.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    Subject,
    VerificationError,
)

from diagnostics.probes.certificates import Certificate, CertificateUnusable, issued, read_certificates
from diagnostics.probes.could_not_look import NotPermitted

CLIENT_AUTHENTICATION = {
    ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string,
}
MAX_CHAIN = 10
MAX_NEIGHBORS = 100
CERTIFICATE_SUFFIXES = {".pem", ".crt", ".cer", ".cert"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a certificate is not accepted; `other` is the second certificate involved."""

    code: str  # expired, not_yet_valid, wrong_eku, unknown_ca, missing_intermediate, wrong_key_usage
    text: str
    certificate: Certificate
    other: Certificate | None = None


def path_to_anchor(
    leaf: Certificate, intermediates: Iterable[Certificate], anchors: Iterable[Certificate]
) -> tuple[list[Certificate], bool]:
    """Climb from a leaf; give the chain as far as it goes and whether it reached a trusted certificate."""
    pool, trusted, chain = list(intermediates), list(anchors), [leaf]
    known = {one.sha256 for one in trusted}
    while chain[-1].sha256 not in known and len(chain) < MAX_CHAIN:
        top, seen = chain[-1], {one.sha256 for one in chain}
        issuers = (one for one in [*trusted, *pool] if one.sha256 not in seen and (one.is_ca or _is_old_root(one)))
        upper = next((one for one in issuers if issued(one, top)), None)
        if upper is None:
            return chain, False
        chain.append(upper)
    return chain, chain[-1].sha256 in known


def _is_old_root(one: Certificate) -> bool:
    """Say whether it is a self-signed certificate of X.509 version 1, which knew no mark for CAs."""
    return one.is_self_issued and one.parsed.version is x509.Version.v1


def why_refused(
    presented: Sequence[Certificate], anchors: Sequence[Certificate], others: Sequence[Certificate], now: datetime
) -> Problem | None:
    """Say why a server that trusts `anchors` refuses this client certificate (with its chain), or give None.

    `others` are certificates that lie about; they are not presented, but may be the link that is missing.
    """
    chain, is_anchored = path_to_anchor(presented[0], presented[1:], anchors)
    if not is_anchored:
        return missing_link(presented, anchors, others, top=chain[-1])
    for certificate in chain:
        if problem := _problem_of(certificate, now, is_leaf=certificate is presented[0]):
            return problem
    return None


def _problem_of(one: Certificate, now: datetime, *, is_leaf: bool) -> Problem | None:
    if now >= one.not_after_at:
        return Problem("expired", f"{one.subject} expired on {one.not_after_at:%Y-%m-%d %H:%M} UTC", one)
    if now < one.not_before_at:
        text = f"{one.subject} is not valid before {one.not_before_at:%Y-%m-%d %H:%M} UTC"
        return Problem("not_yet_valid", text, one)
    if one.extended_usages is not None and not one.extended_usages & CLIENT_AUTHENTICATION:
        return Problem("wrong_eku", f"{one.subject} is limited to other uses than client authentication", one)
    if is_leaf and not _may_sign(one):
        return Problem("wrong_key_usage", f"the key of {one.subject} may not make digital signatures", one)
    return None


def _may_sign(one: Certificate) -> bool:
    with suppress(x509.ExtensionNotFound):
        usage = one.parsed.extensions.get_extension_for_class(x509.KeyUsage).value
        return usage.digital_signature or usage.key_agreement
    return True


def missing_link(
    presented: Sequence[Certificate], anchors: Sequence[Certificate], others: Sequence[Certificate], *, top: Certificate
) -> Problem:
    """Tell a missing intermediate from a foreign CA, for a chain that ends at `top` without reaching an anchor."""
    chain, is_anchored = path_to_anchor(top, others, anchors)
    if is_anchored and len(chain) > 1:
        link = chain[1]
        text = f"{link.subject} ({link.where}) issued it and is not sent along with {presented[0].where}"
        return Problem("missing_intermediate", text, top, link)
    if by_name := next((one for one in anchors if _is_named_above(top, one)), None):
        text = f"its issuer {top.issuer} stands under {by_name.subject}, and is not sent along"
        return Problem("missing_intermediate", text, top, by_name)
    same_name = next((one for one in anchors if one.parsed.subject == top.parsed.issuer), None)
    if same_name:
        text = f"its issuer bears the name of {same_name.subject} ({same_name.where}) but has another key"
        return Problem("unknown_ca", text, top, same_name)
    trusted = ", ".join(one.subject for one in anchors[:3]) or "none"
    text = f"its issuer {top.issuer} is not among the trusted CAs ({trusted})"
    return Problem("unknown_ca", text, top, anchors[0] if anchors else None)


def _is_named_above(certificate: Certificate, anchor: Certificate) -> bool:
    """Say whether the certificate itself names the anchor as its issuer's issuer (authorityCertIssuer)."""
    with suppress(x509.ExtensionNotFound):
        above = certificate.parsed.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        names = [one.value for one in above.authority_cert_issuer or () if isinstance(one, x509.DirectoryName)]
        return anchor.parsed.subject in names and certificate.parsed.issuer != anchor.parsed.subject
    return False


def neighbors(paths: Iterable[Path]) -> list[Certificate]:
    """Read the certificates beside these files: a link that was forgotten mostly lies there."""
    found: list[Certificate] = []
    for folder in dict.fromkeys(path.parent for path in paths):
        try:
            beside = sorted(one for one in folder.iterdir() if one.suffix.lower() in CERTIFICATE_SUFFIXES)
        except OSError:
            continue
        for path in beside[:MAX_NEIGHBORS]:
            with suppress(CertificateUnusable, NotPermitted):
                found += read_certificates(path)
    return found


def strict_verdict(presented: Sequence[Certificate], anchors: Sequence[Certificate], now: datetime) -> str:
    """Give what the verifier of `cryptography` says, without its demands on extensions; "accepted" or its words."""
    leaf_policy = ExtensionPolicy.permit_all()
    ca_policy = leaf_policy.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    try:
        builder = PolicyBuilder().store(Store([one.parsed for one in anchors])).time(now)
        builder = builder.extension_policies(ee_policy=leaf_policy, ca_policy=ca_policy)
        builder.build_client_verifier().verify(presented[0].parsed, [one.parsed for one in presented[1:]])
    except (VerificationError, ValueError) as error:
        return " ".join(str(error).split())[:300]
    return "accepted"


def server_verdict(served: Sequence[Certificate], anchors: Sequence[Certificate], now: datetime) -> str | None:
    """Give what the verifier of `cryptography` says of a server's chain; None where it cannot be asked.

    It follows the web's rules (RFC 5280, CA/B Forum) strictly. Whether the names are right is not asked: it is given
    one of the certificate's own, and a certificate without any cannot be judged.
    """
    subject = _own_name(served[0])
    if subject is None or not anchors:
        return None
    try:
        builder = PolicyBuilder().store(Store([one.parsed for one in anchors])).time(now)
        builder.build_server_verifier(subject).verify(served[0].parsed, [one.parsed for one in served[1:]])
    except (VerificationError, ValueError) as error:
        return " ".join(str(error).split())[:300]
    return "accepted"


def _own_name(leaf: Certificate) -> Subject | None:
    for name in leaf.dns_names:
        with suppress(ValueError):
            return x509.DNSName(f"any{name[1:]}" if name.startswith("*.") else name)
    return next((x509.IPAddress(ip_address(one)) for one in leaf.ip_addresses), None)
