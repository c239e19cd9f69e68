"""The worker verifies tokens with another JWT secret than the api signs with."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from tests.faults.doing import apply_service, edit_service, health, redis, restore_service, submit
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    edit_service(stack, names.worker, environment={"JWT_SECRET_KEY": "0123456789abcdef0123456789abcdef-old"})
    apply_service(stack, names.worker)
    assert wait_for(lambda: health(stack, names.worker) == "healthy", seconds=40)
    submit(stack)


def is_broken(stack: ComposeStack) -> bool:
    return b"Signature verification failed" in stack.container(stack.settings.names.worker).logs(tail=30)


def heal(stack: ComposeStack) -> None:
    restore_service(stack, stack.settings.names.worker)
    redis(stack, "DEL", "awe:jobs:dead")


FAULT = Fault(
    slug="jwt-secret-mismatch",
    category="authentication",
    title="the worker verifies tokens with another JWT secret than the api signs with",
    causes=("signing_keys_differ",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="worker",
)
