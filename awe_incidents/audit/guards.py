"""SQL of the database's own guards, for migrations: append-only tables and column rights.

A superuser gets through all of it; that is what the signed tree of the trail is for (design/audit.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.migrations.operations.special import RunSQL

APPLICATION = "incidents_app"
SIGNER = "incidents_signer"

# Roles are made before the first migration (awe_incidents/local/roles.py). Where one is missing, as on a
# managed PostgreSQL that was set up by hand, its grants are left out and `manage.py check --database default` says so.
_GRANT = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    EXECUTE $grant${statement}$grant$;
  END IF;
END $$;
"""
REFUSE_CHANGE = """
        BEGIN
          RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
        END """


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """A table that its app's migrations made append-only, and whose guards have to stand (see tripwire.py)."""

    table: str
    deletable: bool = False

    def triggers(self, part: str) -> dict[str, str]:
        """Give what PostgreSQL says of the triggers of the table, or of a part of it, by their names."""
        changes = "UPDATE" if self.deletable else "DELETE OR UPDATE"
        return {
            f"{self.table}_no_change": f"BEFORE {changes} ON {part} FOR EACH ROW",
            f"{self.table}_no_truncate": f"BEFORE TRUNCATE ON {part} FOR EACH STATEMENT",
        }


def refuse_change_function() -> RunSQL:
    """Make the function that append-only tables call."""
    return RunSQL(
        f"""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $${REFUSE_CHANGE}$$;
        """,
        "DROP FUNCTION refuse_change();",
    )


def append_only(table: str, *, deletable: bool = False) -> RunSQL:
    """Refuse UPDATE and TRUNCATE (and DELETE, unless `deletable`) for every role, replication sessions included."""
    changes = "UPDATE" if deletable else "UPDATE OR DELETE"
    rights = "UPDATE, TRUNCATE" if deletable else "UPDATE, DELETE, TRUNCATE"
    return RunSQL(
        f"""
        CREATE TRIGGER {table}_no_change BEFORE {changes} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
        CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
          FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;
        {granted(f"REVOKE {rights} ON {table} FROM {APPLICATION}")}
        """,
        f"DROP TRIGGER {table}_no_change ON {table}; DROP TRIGGER {table}_no_truncate ON {table};",
    )


def changeable_columns(table: str, *columns: str, deletable: bool = False) -> RunSQL:
    """Let the application change only these columns of rows; delete them only where they are `deletable`."""
    rights = "UPDATE, TRUNCATE" if deletable else "UPDATE, DELETE, TRUNCATE"
    return RunSQL(
        granted(f"REVOKE {rights} ON {table} FROM {APPLICATION}")
        + granted(f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO {APPLICATION}"),
        granted(f"GRANT UPDATE, DELETE ON {table} TO {APPLICATION}"),
    )


def granted(statement: str, *, role: str = APPLICATION) -> str:
    """Give SQL that runs a GRANT or REVOKE where the role exists."""
    return _GRANT.format(role=role, statement=statement)
