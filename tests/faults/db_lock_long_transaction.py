"""A session (nightly-maintenance) holds an ACCESS EXCLUSIVE lock on table jobs in an open transaction."""

from __future__ import annotations

import time
from threading import Thread

from deploy.awe.compose import ComposeStack
from tests.faults.doing import hold, let_go, says, sql, submit
from tests.faults.fault import Fault

NAME = "nightly-maintenance"
PROGRAM = """
connection = psycopg.connect(DSN)
connection.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
print("locked", flush=True)
"""


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    hold(stack, NAME, names.database, 5432, PROGRAM)
    assert says(stack, NAME, "locked")
    Thread(target=submit, args=(stack,), daemon=True).start()
    time.sleep(2)


def is_broken(stack: ComposeStack) -> bool:
    locks = (
        "SELECT count(*) FROM pg_locks WHERE relation = 'jobs'::regclass AND granted AND mode = 'AccessExclusiveLock'"
    )
    return int(sql(stack, locks)) >= 1 and not submit(stack).isalnum()


def heal(stack: ComposeStack) -> None:
    let_go(stack, NAME)


FAULT = Fault(
    slug="db-lock-long-transaction",
    category="database",
    title="a session (nightly-maintenance) holds an ACCESS EXCLUSIVE lock on table jobs in an open transaction",
    causes=("lock_held",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
    about="database",
)
