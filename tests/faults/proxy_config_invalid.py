"""The Caddyfile has a syntax error: the proxy does not start."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import restart, restarts
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    folder = stack.root / "config" / "caddy"
    for path in folder.iterdir():
        path.write_text(path.read_text().replace("reverse_proxy ", "reverse_prxy "))
    restart(stack, stack.settings.names.caddy)


def is_broken(stack: ComposeStack) -> bool:
    return restarts(stack, stack.settings.names.caddy) >= 1


def heal(stack: ComposeStack) -> None:
    stack.write_configuration()
    restart(stack, stack.settings.names.caddy)


FAULT = Fault(
    slug="proxy-config-invalid",
    category="startup",
    title="the Caddyfile has a syntax error: the proxy does not start",
    causes=("proxy_configuration_invalid",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="caddy",
    about="caddy",
)
