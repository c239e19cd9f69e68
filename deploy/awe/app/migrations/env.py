"""Alembic's environment: our database URL, spoken by psycopg 3."""

from logging.config import fileConfig

from alembic import context
from sqlalchemy import create_engine, make_url, pool

from shared import config as settings

if context.config.config_file_name:
    fileConfig(context.config.config_file_name)
engine = create_engine(
    make_url(settings.current().migration_database_url).set(drivername="postgresql+psycopg"),
    poolclass=pool.NullPool,
    connect_args={"connect_timeout": 5, "application_name": "alembic"},
)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
