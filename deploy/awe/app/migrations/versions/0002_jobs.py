"""agent jobs."""

from alembic import op

revision = "0002_jobs"
down_revision = "0001_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE jobs (
            id text PRIMARY KEY,
            tool text NOT NULL,
            status text NOT NULL,
            attempts int NOT NULL DEFAULT 0,
            result text,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("ALTER TABLE jobs OWNER TO awe_app")
    op.execute("""
        CREATE VIEW workflow_summary AS
        SELECT w.id, w.name, w.steps, u.username AS owner FROM workflows w LEFT JOIN users u ON u.id = w.owner_id
    """)
    op.execute("ALTER VIEW workflow_summary OWNER TO awe_app")


def downgrade() -> None:
    op.execute("DROP VIEW workflow_summary")
    op.execute("DROP TABLE jobs")
