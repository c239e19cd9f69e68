"""The api process is stopped (SIGSTOP): the container runs, its health check times out."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import health
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    stack.exec(stack.settings.names.api, ["sh", "-c", "kill -STOP $(cat /run/awe/main.pid)"])


def is_broken(stack: ComposeStack) -> bool:
    return health(stack, stack.settings.names.api) == "unhealthy"


def heal(stack: ComposeStack) -> None:
    stack.exec(stack.settings.names.api, ["sh", "-c", "kill -CONT $(cat /run/awe/main.pid)"])


FAULT = Fault(
    slug="container-unhealthy",
    category="startup",
    title="the api process is stopped (SIGSTOP): the container runs, its health check times out",
    causes=("process_frozen",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="api",
    about="api",
)
