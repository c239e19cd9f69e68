"""A leaking client (report-exporter) holds every connection slot of the database."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import hold, let_go, sql, status_of
from tests.faults.fault import Fault

NAME = "report-exporter"
PROGRAM = """
held = []
while True:
    try:
        held.append(psycopg.connect(DSN))
    except psycopg.OperationalError:
        time.sleep(0.02)
"""


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    hold(stack, NAME, names.database, 5432, PROGRAM)
    others = "usename = 'awe_app' AND application_name <> 'report-exporter'"
    sql(stack, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


def is_broken(stack: ComposeStack) -> bool:
    held = int(sql(stack, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'report-exporter'"))
    return held >= 36 and status_of(stack) != 200


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
)
