"""What the two checks of a pooler share: its name, whose connections they are, and a shortage handed from one on."""

from __future__ import annotations

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.pgbouncer import Figures, Pool
from diagnostics.stack import Database

FOUND = "database.pools has found what is wrong with the pooler "  # a sentence: what is handed on is redacted by value


def address_of(database: Database) -> str:
    """Give how a finding names a database's pooler."""
    return f"{database.pooler.host}:{database.pooler.port}" if database.pooler else ""


def hand_on_shortage(seeing: Seeing, database: Database) -> None:
    """Tell the checks that come after that this pooler's trouble is reported already."""
    seeing.hand_over(f"pooler {address_of(database)}", f"{FOUND}{address_of(database)}")


def is_shortage_known(seeing: Seeing, database: Database) -> bool:
    """Say whether an earlier check of the run reports this pooler's trouble."""
    return f"pooler {address_of(database)}" in seeing.handed


def used_up(figures: Figures, pool: Pool) -> str:
    """Say that a pool is used up, and by whom."""
    holder = figures.holder_of(pool)
    who = f", {holder.clients} of them by {holder.application or '(no name)'} from {holder.address}" if holder else ""
    return f"all {pool.servers_active} server connections of the pool are in use{who}"
