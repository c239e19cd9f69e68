"""The database container is stopped."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import health, state
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    stack.compose("stop", stack.settings.names.database)


def is_broken(stack: ComposeStack) -> bool:
    names = stack.settings.names
    return state(stack, names.database).get("Status") == "exited" and health(stack, names.api) == "unhealthy"


def heal(stack: ComposeStack) -> None:
    stack.compose("start", stack.settings.names.database)


FAULT = Fault(
    slug="db-down",
    category="database",
    title="the database container is stopped",
    causes=("service_stopped",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
    about="database",
)
