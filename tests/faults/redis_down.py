"""The queue's container is stopped: jobs cannot be queued, the worker reconnects for ever."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import health, state
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    stack.compose("stop", stack.settings.names.redis)


def is_broken(stack: ComposeStack) -> bool:
    names = stack.settings.names
    return state(stack, names.redis).get("Status") == "exited" and health(stack, names.api) == "unhealthy"


def heal(stack: ComposeStack) -> None:
    stack.compose("start", stack.settings.names.redis)


FAULT = Fault(
    slug="redis-down",
    category="agents",
    title="redis is stopped: jobs cannot be queued, the worker reconnects for ever",
    causes=("service_stopped",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="redis",
    about="redis",
)
