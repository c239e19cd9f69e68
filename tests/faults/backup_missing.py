"""There is no backup file, only its checksum."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    stack.exec(stack.settings.names.database, ["rm", "-f", "/backup/latest.sql"])


def is_broken(stack: ComposeStack) -> bool:
    return "latest.sql\n" not in stack.exec(stack.settings.names.database, ["ls", "-1", "/backup"])


def heal(stack: ComposeStack) -> None:
    stack.exec(stack.settings.names.database, ["backup.sh"])


FAULT = Fault(
    slug="backup-missing",
    category="database",
    title="there is no backup file, only its checksum",
    causes=("backup_missing",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
)
