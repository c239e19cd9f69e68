"""A client (batch-importer) holds all server connections of the pool with open transactions; others wait."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import health, hold, let_go, says
from tests.faults.fault import Fault

NAME = "batch-importer"
PROGRAM = """
held = []
while len(held) < 8:
    try:
        connection = psycopg.connect(DSN, prepare_threshold=None)
        connection.execute("SELECT count(*) FROM jobs")
        held.append(connection)
    except psycopg.OperationalError:
        time.sleep(0.1)
print("holding", flush=True)
"""


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    hold(stack, NAME, names.pgbouncer, 6432, PROGRAM)
    assert says(stack, NAME, "holding")


def is_broken(stack: ComposeStack) -> bool:
    return health(stack, stack.settings.names.api) == "unhealthy"


def heal(stack: ComposeStack) -> None:
    let_go(stack, NAME)


FAULT = Fault(
    slug="pgbouncer-pool-exhausted",
    category="database",
    title="a client (batch-importer) holds all server connections of the pool with open transactions; others wait",
    causes=("pool_exhausted",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="pgbouncer",
)
