"""The compose file is no valid YAML; running containers go on."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.errors import ComposeFailed
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    path = stack.root / stack.settings.compose_file
    path.write_text(path.read_text().replace(f"\n  {names.redis}:", f"\n\t {names.redis}:", 1))


def is_broken(stack: ComposeStack) -> bool:
    try:
        stack.compose("config", "-q")
    except ComposeFailed:
        return True
    return False


def heal(stack: ComposeStack) -> None:
    stack.write_configuration()


FAULT = Fault(
    slug="compose-invalid-yaml",
    category="startup",
    title="the compose file is no valid YAML; running containers go on",
    causes=("compose_file_invalid",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="compose",
)
