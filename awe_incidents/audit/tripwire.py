"""A tripwire: whether the database still guards its append-only tables as their migrations made it.

Whoever may switch a guard off may also change this code or answer for it; it tells of what was left off by mistake, or
by somebody who did not think of it. What was changed meanwhile, the signed tree tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.core.checks import Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from awe_incidents.audit.guards import REFUSE_CHANGE, AppendOnly

ALWAYS = "A"  # of pg_trigger.tgenabled: in sessions of replication, too
_GUARDS = """
SELECT wanted.name, part.relid::regclass::text, trigger.tgname, trigger.tgenabled::text,
  pg_get_triggerdef(trigger.oid), function.prosrc
FROM unnest(%s::text[]) AS wanted (name)
CROSS JOIN LATERAL (
  SELECT relid FROM pg_partition_tree(to_regclass(quote_ident(name))) UNION SELECT to_regclass(quote_ident(name))
) AS part (relid)
LEFT JOIN pg_trigger AS trigger ON trigger.tgrelid = part.relid AND NOT trigger.tgisinternal
LEFT JOIN pg_proc AS function ON function.oid = trigger.tgfoid
WHERE part.relid IS NOT NULL ORDER BY 1, 2"""
_HINT = (
    "Find out who did it and when, verify an export of the trail, and switch it on again: ALTER TABLE {table} ENABLE "
    "ALWAYS TRIGGER {trigger}. Where migrations were broken off: `manage.py migrate --skip-checks`."
)


class BrokenGuard(NamedTuple):
    """A trigger that does not refuse what it should."""

    table: str
    trigger: str
    words: str

    def __str__(self) -> str:
        return f"{self.trigger} of {self.table} {self.words}"


def append_only_tables() -> list[AppendOnly]:
    """Give the tables that apps name as append-only."""
    return [one for config in apps.get_app_configs() for one in getattr(config, "append_only", ())]


def broken_guards(connection: BaseDatabaseWrapper, tables: Iterable[AppendOnly]) -> list[BrokenGuard]:
    """Give the guards that are gone, off or other ones, month by month; tables that are not there yet have none."""
    wanted = {one.table: one for one in tables}
    found: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GUARDS, [list(wanted)])
        for table, part, trigger, *rest in cursor.fetchall():
            found.setdefault((table, part), {})[trigger] = tuple(rest)
    return [guard for (table, part), triggers in found.items() for guard in _broken(wanted[table], part, triggers)]


def check_guards(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[Error]:
    """Say which guards do not stand (a Django system check, for databases that it is asked about)."""
    return [
        Error(
            f"The append-only guard {guard}.",
            hint=_HINT.format(table=guard.table, trigger=guard.trigger),
            obj=alias,
            id="audit.E001",
        )
        for alias in databases or ()
        for guard in broken_guards(connections[alias], append_only_tables())
    ]


def _broken(one: AppendOnly, part: str, found: dict[str, tuple[str, ...]]) -> Iterator[BrokenGuard]:
    """Look at the guards of a table or of one of its parts, which bear the same names."""
    for trigger, wanted in one.triggers(part).items():
        if trigger not in found:
            yield BrokenGuard(part, trigger, "is gone")
            continue
        enabled, definition, source = found[trigger]
        if enabled != ALWAYS:
            yield BrokenGuard(part, trigger, f"is not always on (tgenabled is {enabled})")
        plain = definition.replace("public.", "")
        if plain != f"CREATE TRIGGER {trigger} {wanted} EXECUTE FUNCTION refuse_change()":
            yield BrokenGuard(part, trigger, f"is another one: {definition}")
        elif source.split() != REFUSE_CHANGE.split():
            yield BrokenGuard(part, trigger, "calls a function that was changed")
