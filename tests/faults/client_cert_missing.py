"""The client certificate and its key are gone; the proxy refuses clients without one."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from deploy.awe.process.errors import ApiUnreachable
from tests.faults.doing import client_files, keep_certificates, restore_certificates
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    keep_certificates(stack)
    for path in client_files(stack):
        path.unlink(missing_ok=True)


def is_broken(stack: ComposeStack) -> bool:
    try:
        stack.client(with_certificate=False).get("/health")
    except ApiUnreachable:
        return not client_files(stack)[0].exists()
    return False


def heal(stack: ComposeStack) -> None:
    restore_certificates(stack, reload=False)


FAULT = Fault(
    slug="client-cert-missing",
    category="certificates",
    title="the client certificate and its key are gone; the proxy refuses clients without one",
    causes=("client_certificate_missing",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="client",
)
