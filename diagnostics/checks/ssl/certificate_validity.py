"""SSL-02: the dates of every certificate in the stack's files, and of those that its doors really serve.

Fail: `certificate.expired`, `certificate.not_yet_valid`, or `certificate.near_expiry` with at most min(7 days, 10 % of
its lifetime) left (which does not block other checks, for it still works). Warn: `certificate.near_expiry` with at
most min(30 days, a third of its lifetime) left; of a CA the days count alone, as all that it issued ends with it. Warn,
too: `certificate.expired_unused` for an expired CA that stands in a bundle but issued nothing here or was renewed under
the same key. Pass: the rest.
The limits are relative as public lifetimes fall to 47 days by 2029 (CA/B Forum SC-081v3); testssl.sh warns at 60 and
30 days. `thresholds` of the stack: fail_days, fail_percent, warn_days, warn_percent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.served import look_at_served, tls_endpoints
from diagnostics.probes.certificates import Certificate, CertificateUnusable, read_certificates
from diagnostics.probes.handshake import Meeting
from diagnostics.stack import StackConfig, TlsFiles

DAY_SECONDS = 86_400
LIMITS = (("fail", 7.0, 10.0), ("warn", 30.0, 100 / 3))  # days, percent of the lifetime
REFERENCE = "testssl.sh 30 days; CA/B Forum SC-081v3 for the share"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A certificate and the places where it was seen."""

    certificate: Certificate
    places: tuple[str, ...]
    is_spare: bool  # a CA of a bundle that nothing here depends on


@dataclass(frozen=True, kw_only=True)
class CertificateValidity(Check):
    """Every certificate once, with all the places where it was seen."""

    slug: ClassVar[str] = "ssl.certificate_validity"
    title: ClassVar[str] = "Certificates are within their dates, in files and as served"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})
    requires: ClassVar[tuple[str, ...]] = ("ssl.certificate_files",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where certificate files are described."""
        return None if stack.tls else "the stack describes no [tls.*]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Gather files and served certificates, then judge each."""
        served, tables = look_at_served(seeing), seeing.stack.tls.values()
        yield from look_at_each(
            seeing, tables, lambda files: _table(seeing, files, served), named=lambda files: f"[tls.{files.name}]"
        )
        yield from _not_seen(seeing, served)


def _table(seeing: Seeing, files: TlsFiles, served: dict[str, Meeting]) -> Iterator[Finding]:
    now, fine_spares = seeing.now(), 0
    for sighting in _sightings(files, _served_for(seeing.stack, files, served), now):
        is_fine = sighting.certificate.not_before_at <= now < sighting.certificate.not_after_at
        if sighting.is_spare and is_fine:  # a bundle may have hundreds
            fine_spares += 1
        else:
            yield _judge(seeing, sighting, now)
    if fine_spares:
        text = f"{fine_spares} further CA certificates of [tls.{files.name}] are within their dates"
        yield Finding(state=State.PASS, code="certificate.valid", message=text, target=str(files.ca))


def _served_for(stack: StackConfig, files: TlsFiles, served: dict[str, Meeting]) -> list[Certificate]:
    names = [endpoint.name for endpoint, its in tls_endpoints(stack) if its.name == files.name]
    return [certificate for name in names for certificate in served[name].served]


def _sightings(files: TlsFiles, served: list[Certificate], now: datetime) -> Iterator[Sighting]:
    """Give each distinct certificate of one table once, leaves first."""
    leaves = [*_read(files, "server_certificate"), *_read(files, "client_certificate"), *served]
    authorities = [*_read(files, "ca"), *_read(files, "client_ca")]
    groups: dict[str, list[Certificate]] = {}
    for certificate in [*leaves, *authorities]:
        groups.setdefault(certificate.sha256, []).append(certificate)
    needed = {one.sha256 for one in leaves}
    issuers = {one.parsed.issuer for one in leaves}
    for digest, group in groups.items():
        one = group[0]
        is_spare = digest not in needed and (
            (one.parsed.subject not in issuers and len(authorities) > 1) or _is_renewed(one, authorities, now)
        )
        yield Sighting(one, tuple(dict.fromkeys(each.where for each in group)), is_spare)


def _is_renewed(one: Certificate, authorities: list[Certificate], now: datetime) -> bool:
    return any(
        other.sha256 != one.sha256
        and other.parsed.subject == one.parsed.subject
        and other.public_key_sha256 == one.public_key_sha256
        and other.not_before_at <= now < other.not_after_at
        for other in authorities
    )


def _read(files: TlsFiles, role: str) -> tuple[Certificate, ...]:
    path = getattr(files, role)
    with suppress(CertificateUnusable):  # ssl.certificate_files says so
        return read_certificates(path) if path else ()
    return ()


def _judge(seeing: Seeing, sighting: Sighting, now: datetime) -> Finding:
    one, place = sighting.certificate, ", ".join(sighting.places)
    evidence = seeing.keep("cert", source=place, content=one.lines())
    lifetime, left = one.not_after_at - one.not_before_at, one.not_after_at - now
    state, code, said, threshold = _verdict(seeing, sighting, now)
    return Finding(
        state=state,
        code=code,
        message=f"the certificate of {one.common_name or one.subject} ({place}) {said}",
        target=sighting.places[0],
        measured={
            "left": Measurement(round(left.total_seconds() / DAY_SECONDS, 2), "d"),
            "left_of_lifetime": Measurement(round(100 * left / lifetime, 1) if lifetime else 0.0, "%"),
            "not_before": Measurement(one.not_before_at.isoformat()),
            "not_after": Measurement(one.not_after_at.isoformat()),
        },
        threshold=threshold,
        citations=(evidence.lines(5, 6),),  # the two dates
        blocks=code != "certificate.near_expiry",
    )


def _verdict(seeing: Seeing, sighting: Sighting, now: datetime) -> tuple[State, str, str, Threshold | None]:
    one = sighting.certificate
    until = f"{one.not_after_at:%Y-%m-%d %H:%M} UTC"
    if now >= one.not_after_at:
        ago = _days(now - one.not_after_at)
        if sighting.is_spare:
            return State.WARN, "certificate.expired_unused", f"expired {ago} ago; nothing here depends on it", None
        return State.FAIL, "certificate.expired", f"expired {ago} ago, on {until}", None
    if now < one.not_before_at:
        text = f"is not valid before {one.not_before_at:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} UTC here"
        return (State.WARN if sighting.is_spare else State.FAIL), "certificate.not_yet_valid", text, None
    left = one.not_after_at - now
    for name, days, percent in LIMITS:
        lifetime = one.not_after_at - one.not_before_at
        limit = _limit(seeing, name, days, percent, timedelta.max if one.is_ca else lifetime)
        if left.total_seconds() <= limit.value * DAY_SECONDS and not sighting.is_spare:
            return State(name), "certificate.near_expiry", f"expires in {_days(left)}, on {until}", limit
    return State.PASS, "certificate.valid", f"is valid for {_days(left)}, until {until}", None


def _limit(seeing: Seeing, name: str, days: float, percent: float, lifetime: timedelta) -> Threshold:
    """Give the smaller of a number of days and a share of the lifetime, in days."""
    by_days = seeing.threshold(f"{name}_days", days, unit="d", reference=REFERENCE)
    by_share = seeing.threshold(f"{name}_percent", percent, unit="%", reference=REFERENCE)
    share_days = by_share.value / 100 * lifetime.total_seconds() / DAY_SECONDS
    if by_days.value <= share_days:
        return by_days
    return Threshold(by_share.name, round(share_days, 3), "d", by_share.source, by_share.reference)


def _days(span: timedelta) -> str:
    days = span.total_seconds() / DAY_SECONDS
    return f"{days:.0f} days" if days >= 2 else f"{span.total_seconds() / 3600:.1f} hours"


def _not_seen(seeing: Seeing, served: dict[str, Meeting]) -> Iterator[Finding]:
    """Say which doors showed no certificate; why is the finding of other checks."""
    for endpoint, files in tls_endpoints(seeing.stack):
        meeting = served[endpoint.name]
        if meeting.served:
            continue
        text = f"{endpoint.url} showed no certificate ({meeting.text or 'none was sent'})"
        yield Finding(
            state=State.PASS if files.server_certificate else State.SKIP,
            code="certificate.not_served",
            message=seeing.clean(f"{text}; {'only the files' if files.server_certificate else 'nothing of it'} judged"),
            target=endpoint.url,
        )
