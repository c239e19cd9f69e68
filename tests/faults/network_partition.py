"""The database container was disconnected from its network."""

from __future__ import annotations

from docker.models.networks import Network

from deploy.awe.compose import ComposeStack
from tests.faults.doing import health
from tests.faults.fault import Fault


def network(stack: ComposeStack) -> Network:
    return stack.engine.networks.get(f"{stack.settings.project}_backend")


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    network(stack).disconnect(stack.container(names.database))


def is_broken(stack: ComposeStack) -> bool:
    names = stack.settings.names
    return (
        stack.inspect(names.database)["NetworkSettings"]["Networks"] == {} and health(stack, names.api) == "unhealthy"
    )


def heal(stack: ComposeStack) -> None:
    names = stack.settings.names
    network(stack).connect(stack.container(names.database), aliases=[names.database])


FAULT = Fault(
    slug="network-partition",
    category="network",
    title="the database container was disconnected from its network",
    causes=("network_partition",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
)
