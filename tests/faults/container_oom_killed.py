"""The api's memory limit is below what the process needs: the kernel kills it at every start."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import apply_service, edit_service, restore_service, state
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    edit_service(stack, names.api, mem_limit="24m")
    apply_service(stack, names.api)


def is_broken(stack: ComposeStack) -> bool:
    return bool(state(stack, stack.settings.names.api).get("OOMKilled"))


def heal(stack: ComposeStack) -> None:
    restore_service(stack, stack.settings.names.api)


FAULT = Fault(
    slug="container-oom-killed",
    category="startup",
    title="the api's memory limit is below what the process needs: the kernel kills it at every start",
    causes=("out_of_memory",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="api",
    about="api",
)
