"""The function in PostgreSQL that inserts an entry with its texts, for migrations and for its one caller (trail.py).

One call is one message, however many texts there are; PostgreSQL plans its statements once a session instead of once an
entry. It runs with the caller's rights.
"""

from __future__ import annotations

from django.db.migrations.operations.special import RunSQL

RECORD_FUNCTION = "audit_record"
_TYPES = "bytea, uuid, text, text, text, text, bigint, timestamptz, text[], bytea[], text[]"


def record_function() -> RunSQL:
    """Make the function: columns of an entry, then places, salts and texts of what it commits to; it gives the id."""
    return RunSQL(
        f"""
        CREATE FUNCTION {RECORD_FUNCTION}({_TYPES}) RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE
          given bigint;
        BEGIN
          INSERT INTO audit_entry
            (body, event_id, verb, subject_type, subject_id, actor, incident_id, occurred_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id INTO given;
          IF $9 IS NOT NULL THEN
            INSERT INTO audit_disclosure (entry_id, field, salt, value)
              SELECT given, one.* FROM unnest($9, $10, $11) AS one;
          END IF;
          RETURN given;
        END $$;
        """,  # noqa: S608  names of ours
        f"DROP FUNCTION {RECORD_FUNCTION}({_TYPES});",
    )
