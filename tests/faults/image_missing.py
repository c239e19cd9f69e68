"""The worker's image is to come from a registry that does not answer; the service has no container."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import apply_service, edit_service, restore_service
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    stack.compose("rm", "-sf", names.worker)
    edit_service(stack, names.worker, image="localhost:5999/awe/app:2024.11")
    apply_service(stack, names.worker)


def is_broken(stack: ComposeStack) -> bool:
    return stack.inspect(stack.settings.names.worker) == {}


def heal(stack: ComposeStack) -> None:
    restore_service(stack, stack.settings.names.worker)


FAULT = Fault(
    slug="image-missing",
    category="startup",
    title="the worker's image is to come from a registry that does not answer; the service has no container",
    causes=("image_missing",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="worker",
    about="worker",
)
