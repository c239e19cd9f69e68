"""The api's command names a module that does not exist; the container restarts for ever."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import apply_service, edit_service, restarts, restore_service
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    edit_service(stack, names.api, command=["python", "-m", "api.srve"])
    apply_service(stack, names.api)


def is_broken(stack: ComposeStack) -> bool:
    return restarts(stack, stack.settings.names.api) >= 2


def heal(stack: ComposeStack) -> None:
    restore_service(stack, stack.settings.names.api)


FAULT = Fault(
    slug="container-crash-loop",
    category="startup",
    title="the api's command names a module that does not exist; the container restarts for ever",
    causes=("crash_loop",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="api",
    about="api",
)
