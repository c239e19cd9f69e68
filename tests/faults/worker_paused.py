"""The worker container is paused (frozen)."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import redis, state, submit
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    stack.container(stack.settings.names.worker).pause()
    submit(stack)
    submit(stack)


def is_broken(stack: ComposeStack) -> bool:
    return (
        state(stack, stack.settings.names.worker).get("Status") == "paused"
        and int(redis(stack, "LLEN", "awe:jobs")) >= 1
    )


def heal(stack: ComposeStack) -> None:
    stack.container(stack.settings.names.worker).unpause()


FAULT = Fault(
    slug="worker-paused",
    category="agents",
    title="the worker container is paused (frozen)",
    causes=("service_paused",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="worker",
    about="worker",
)
