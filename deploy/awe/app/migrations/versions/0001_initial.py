"""users and workflows."""

from alembic import op

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE users (
            id serial PRIMARY KEY,
            username text UNIQUE NOT NULL,
            password_hash text NOT NULL,
            role text NOT NULL DEFAULT 'user',
            failed_attempts int NOT NULL DEFAULT 0,
            locked_until timestamptz
        )
    """)
    op.execute("""
        CREATE TABLE workflows (
            id serial PRIMARY KEY,
            name text NOT NULL,
            owner_id int REFERENCES users (id),
            steps int NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("ALTER TABLE users OWNER TO awe_app")
    op.execute("ALTER TABLE workflows OWNER TO awe_app")
    op.execute("GRANT SELECT ON alembic_version TO awe_app")  # so that a health check can compare heads


def downgrade() -> None:
    op.execute("DROP TABLE workflows")
    op.execute("DROP TABLE users")
