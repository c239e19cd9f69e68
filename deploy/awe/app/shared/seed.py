"""Put the first users and workflows into an empty database: `python -m shared.seed`; harmless when repeated."""

from __future__ import annotations

import psycopg

from shared import config
from shared.services.user_service import UserService

WORKFLOWS = 500


def seed() -> None:
    """Add what is missing; accounts that are there keep their passwords."""
    settings = config.current()
    accounts = [("admin", settings.admin_password, "admin"), ("agent", settings.agent_password, "user")]
    if settings.probe_password:
        accounts.append(("probe", settings.probe_password, "probe"))
    with (
        psycopg.connect(settings.migration_database_url, connect_timeout=5) as connection,
        connection.cursor() as cursor,
    ):
        cursor.executemany(
            "INSERT INTO users (username, password_hash, role) VALUES (%s, %s, %s) ON CONFLICT (username) DO NOTHING",
            [(name, UserService.hash(password), role) for name, password, role in accounts],
        )
        added = cursor.rowcount
        cursor.execute(
            "INSERT INTO workflows (name, owner_id, steps) "
            "SELECT 'workflow-' || number, (SELECT id FROM users WHERE username = 'admin'), 1 + number %% 7 "
            "FROM generate_series(1, %s) AS number WHERE NOT EXISTS (SELECT FROM workflows)",
            (WORKFLOWS,),
        )
        added += cursor.rowcount
    if added:
        print("seeded users and workflows")


if __name__ == "__main__":
    seed()
