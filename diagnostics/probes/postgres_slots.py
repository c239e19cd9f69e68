"""Probe of PostgreSQL's connections: how many there may be, who holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow

# reserved_connections came with PostgreSQL 16. Walsenders have slots of their own since 12. Who may not see the others'
# sessions still sees that they are there, whose and by what application, but neither kind nor state.
LIMITS = """
SELECT current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int AS superuser_reserved,
       coalesce(current_setting('reserved_connections', true), '0')::int AS reserved
"""
HOLDERS = """
SELECT usename AS role, datname AS database, coalesce(application_name, '') AS application,
       coalesce(host(client_addr), '') AS address, coalesce(state, 'unknown') AS state, count(*)::int AS connections
FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC
"""
OWN_LIMITS = """
SELECT 'role' AS kind, rolname AS name, rolconnlimit AS connections FROM pg_roles WHERE rolconnlimit > 0
UNION ALL
SELECT 'database', datname, datconnlimit FROM pg_database WHERE datconnlimit > 0
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Connections that are alike."""

    role: str
    database: str
    application: str
    address: str
    state: str
    connections: int


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """A limit that a role or a database has for itself."""

    kind: str  # role or database
    name: str
    connections: int


@dataclass(frozen=True, slots=True)
class Slots:
    """The connections of a server; that of the probe does not count."""

    max_connections: int
    superuser_reserved: int
    reserved: int
    holders: Sequence[Holder]
    own_limits: Sequence[OwnLimit]

    @property
    def usable(self) -> int:
        """Give how many connections ordinary roles can have."""
        return max(self.max_connections - self.superuser_reserved - self.reserved, 1)

    @property
    def taken(self) -> int:
        """Give how many connections there are."""
        return sum(holder.connections for holder in self.holders)

    def taken_of(self, limit: OwnLimit) -> int:
        """Give how many connections count against a limit of a role or a database."""
        return sum(one.connections for one in self.holders if getattr(one, limit.kind) == limit.name)

    @property
    def is_exhausted(self) -> bool:
        """Say whether an ordinary role would be turned away, here or by a limit of a role or a database."""
        return self.taken >= self.usable or any(self.taken_of(one) >= one.connections for one in self.own_limits)


def slots_of(connection: psycopg.Connection[DictRow]) -> Slots:
    """Ask a server for its connections."""
    limits = connection.execute(LIMITS).fetchone() or {}
    holders = [_made(Holder, row) for row in connection.execute(HOLDERS)]
    own = [_made(OwnLimit, row) for row in connection.execute(OWN_LIMITS)]
    return Slots(**limits, holders=holders, own_limits=own)


def _made(kind: Any, row: dict[str, Any]) -> Any:
    return kind(**{name: "" if value is None else value for name, value in row.items()})
