"""The password of the application's role was changed in the database only."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import sql, status_of
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    sql(stack, "ALTER ROLE awe_app PASSWORD 'rotated-by-hand'")
    sql(stack, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'awe_app'")


def is_broken(stack: ComposeStack) -> bool:
    return status_of(stack) == 503


def heal(stack: ComposeStack) -> None:
    sql(stack, f"ALTER ROLE awe_app PASSWORD '{stack.secret('APP_DB_PASSWORD')}'")


FAULT = Fault(
    slug="db-wrong-password",
    category="database",
    title="the password of the application's role was changed in the database only",
    causes=("database_password_wrong",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
)
