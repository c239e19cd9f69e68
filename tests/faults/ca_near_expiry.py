"""The CA certificate ends in 5 days; everything still works."""

from __future__ import annotations

from datetime import UTC, datetime

from deploy.awe.compose import ComposeStack
from deploy.awe.issuing import KeyPair, issue_client, make_ca
from tests.faults.doing import from_to, keep_certificates, restore_certificates, serve_certificate, status_of
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    keep_certificates(stack)
    files = stack.certificates
    ca = make_ca(validity=from_to(-1, 5))
    ca.write(files.ca)
    issue_client(ca).write(files.client)
    serve_certificate(stack, ca=ca)


def is_broken(stack: ComposeStack) -> bool:
    left = KeyPair.read(stack.certificates.ca).certificate.not_valid_after_utc - datetime.now(UTC)
    return left.days < 7 and status_of(stack) == 200


def heal(stack: ComposeStack) -> None:
    restore_certificates(stack)


FAULT = Fault(
    slug="ca-near-expiry",
    category="certificates",
    title="the CA certificate ends in 5 days; everything still works",
    causes=("certificate_expires_soon",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
)
