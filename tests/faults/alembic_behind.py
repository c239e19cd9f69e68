"""The database schema is two revisions behind the code."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import sql, status_of
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    stack.exec(stack.settings.names.api, ["alembic", "downgrade", "0002_jobs"])
    status_of(stack, "/workflows", token=stack.token())


def is_broken(stack: ComposeStack) -> bool:
    revision = sql(stack, "SELECT version_num FROM alembic_version")
    return revision.startswith("0002") and status_of(stack, "/workflows", token=stack.token()) == 500


def heal(stack: ComposeStack) -> None:
    stack.exec(stack.settings.names.api, ["alembic", "upgrade", "head"])


FAULT = Fault(
    slug="alembic-behind",
    category="database",
    title="the database schema is two revisions behind the code",
    causes=("migrations_behind",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
)
