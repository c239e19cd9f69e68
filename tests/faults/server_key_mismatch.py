"""Server.key is not the key of server.crt: the proxy does not start."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import PROXY_UID
from deploy.awe.issuing import KeyPair, issue_server
from tests.faults.doing import keep_certificates, restart, restarts, restore_certificates
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    keep_certificates(stack)
    files = stack.certificates
    certificate = files.server.with_suffix(".crt").read_bytes()
    issue_server(KeyPair.read(files.ca)).write(files.server, owner_id=PROXY_UID)
    files.server.with_suffix(".crt").write_bytes(certificate)
    restart(stack, stack.settings.names.caddy)


def is_broken(stack: ComposeStack) -> bool:
    return restarts(stack, stack.settings.names.caddy) >= 1


def heal(stack: ComposeStack) -> None:
    restore_certificates(stack)


FAULT = Fault(
    slug="server-key-mismatch",
    category="certificates",
    title="server.key is not the key of server.crt: the proxy does not start",
    causes=("server_key_mismatch",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
)
