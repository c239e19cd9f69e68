"""The server certificate is for another name only."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import keep_certificates, refusal_of, restore_certificates, serve_certificate
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    keep_certificates(stack)
    serve_certificate(stack, names=["awe-prod.internal"])


def is_broken(stack: ComposeStack) -> bool:
    return "Hostname mismatch" in refusal_of(stack)


def heal(stack: ComposeStack) -> None:
    restore_certificates(stack)


FAULT = Fault(
    slug="server-cert-hostname-mismatch",
    category="certificates",
    title="the server certificate is for another name only",
    causes=("server_certificate_names",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
)
