"""workflow priority."""

from alembic import op

revision = "0003_workflow_priority"
down_revision = "0002_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE workflows ADD COLUMN priority int NOT NULL DEFAULT 5")


def downgrade() -> None:
    op.execute("ALTER TABLE workflows DROP COLUMN priority")
