"""The server certificate is signed by another CA of the same name."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import keep_certificates, other_ca, refusal_of, restore_certificates, serve_certificate
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    keep_certificates(stack)
    serve_certificate(stack, ca=other_ca())


def is_broken(stack: ComposeStack) -> bool:
    return "certificate verify failed" in refusal_of(stack)


def heal(stack: ComposeStack) -> None:
    restore_certificates(stack)


FAULT = Fault(
    slug="server-cert-wrong-ca",
    category="certificates",
    title="the server certificate is signed by another CA of the same name",
    causes=("server_certificate_foreign_ca",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
)
