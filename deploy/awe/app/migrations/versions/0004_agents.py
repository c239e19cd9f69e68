"""agents and when jobs were begun."""

from alembic import op

revision = "0004_agents"
down_revision = "0003_workflow_priority"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE agents (
            name text PRIMARY KEY,
            started_at timestamptz NOT NULL DEFAULT now(),
            heartbeat_at timestamptz NOT NULL DEFAULT now(),
            interval_seconds int NOT NULL
        )
    """)
    op.execute("ALTER TABLE agents OWNER TO awe_app")
    op.execute("ALTER TABLE jobs ADD COLUMN started_at timestamptz")
    op.execute("CREATE INDEX jobs_updated_at ON jobs (updated_at)")


def downgrade() -> None:
    op.execute("DROP INDEX jobs_updated_at")
    op.execute("ALTER TABLE jobs DROP COLUMN started_at")
    op.execute("DROP TABLE agents")
