"""The pooler's database host is mistyped: the name does not resolve."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import apply_service, edit_service, restore_service, status_of
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    edit_service(stack, names.pgbouncer, environment={"DB_HOST": f"{names.database[:-2]}{names.database[-1]}"})
    apply_service(stack, names.pgbouncer)


def is_broken(stack: ComposeStack) -> bool:
    return status_of(stack) == 503


def heal(stack: ComposeStack) -> None:
    restore_service(stack, stack.settings.names.pgbouncer)


FAULT = Fault(
    slug="dns-unresolvable",
    category="network",
    title="the pooler's database host is mistyped: the name does not resolve",
    causes=("name_unresolvable",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="pgbouncer",
)
