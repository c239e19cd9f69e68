"""A leaking client (report-exporter) holds every connection slot of the database."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from tests.faults.doing import hold, let_go, sql, status_of
from tests.faults.fault import Fault

NAME = "report-exporter"
OTHERS = f"application_name <> '{NAME}'"
LEAST = 37  # of 40, less those kept for superusers
PROGRAM = """
held = []
while True:
    try:
        held.append(psycopg.connect(DSN))
    except psycopg.OperationalError:
        time.sleep(0.02)
"""


def inject(stack: ComposeStack) -> None:
    hold(stack, NAME, stack.settings.names.database, 5432, PROGRAM)
    assert wait_for(lambda: takes_all(stack), seconds=30)


def takes_all(stack: ComposeStack) -> bool:
    """End others' connections, so that the leaking client is there first."""
    sql(stack, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'awe_app' AND " + OTHERS)
    return held(stack) >= LEAST


def held(stack: ComposeStack) -> int:
    """Count what the leaking client holds."""
    return int(sql(stack, f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{NAME}'"))


def is_broken(stack: ComposeStack) -> bool:
    return held(stack) >= LEAST and status_of(stack) != 200


def heal(stack: ComposeStack) -> None:
    let_go(stack, NAME)


FAULT = Fault(
    slug="db-max-connections",
    category="database",
    title="a leaking client (report-exporter) holds every connection slot of the database",
    causes=("connections_exhausted",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
    about="database",
)
