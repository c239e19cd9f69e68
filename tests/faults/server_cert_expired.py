"""The server certificate ended 3 days ago."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import from_to, keep_certificates, refusal_of, restore_certificates, serve_certificate
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    keep_certificates(stack)
    serve_certificate(stack, validity=from_to(-90, -3))


def is_broken(stack: ComposeStack) -> bool:
    return "certificate has expired" in refusal_of(stack)


def heal(stack: ComposeStack) -> None:
    restore_certificates(stack)


FAULT = Fault(
    slug="server-cert-expired",
    category="certificates",
    title="the server certificate ended 3 days ago",
    causes=("server_certificate_expired",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
)
