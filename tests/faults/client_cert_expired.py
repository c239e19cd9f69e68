"""The client certificate ended yesterday."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from deploy.awe.issuing import KeyPair, issue_client
from tests.faults.doing import from_to, keep_certificates, refusal_of, restore_certificates
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    keep_certificates(stack)
    files = stack.certificates
    issue_client(KeyPair.read(files.ca), validity=from_to(-90, -1)).write(files.client)


def is_broken(stack: ComposeStack) -> bool:
    return refusal_of(stack) != ""


def heal(stack: ComposeStack) -> None:
    restore_certificates(stack, reload=False)


FAULT = Fault(
    slug="client-cert-expired",
    category="certificates",
    title="the client certificate ended yesterday",
    causes=("client_certificate_expired",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="client",
)
