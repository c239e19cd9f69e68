"""SQL of what retention may remove: functions of the owner, who look for themselves whether the time is up.

The application has no right to delete bug reports, revisions, results or evidence. These functions do it for rows that
are older than the retention of their stack and belong to no incident that is open or acknowledged, and for no others.
Scheduled runs that no incident has are kept for the days that the schedule says, and go whole: there are many of them.
"""

from __future__ import annotations

from awe_incidents.audit.guards import APPLICATION, granted

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"

RETENTION_DAYS = """
CREATE FUNCTION retention_days(document jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce((document #>> '{retention,days}')::integer, 400)
$$;
"""

SCHEDULE_DAYS = """
CREATE FUNCTION schedule_days(document jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT least(coalesce((document #>> '{schedule,keep_days}')::integer, 14), retention_days(document))
$$;
"""

# The evidence of a result lies in its month or, at the turn of a month, in the next.
REMOVE_RESULTS = """
CREATE FUNCTION remove_results(runs bigint[])
RETURNS TABLE (run bigint, results bigint, evidence bigint, texts text[]) AS_OWNER AS $$
#variable_conflict use_column
DECLARE
  due bigint[];
  passing bigint[];
  doomed bigint[];
  first_id bigint;
  end_id bigint;
BEGIN
  SELECT array_agg(one.id), array_agg(one.id) FILTER (WHERE one.is_passing) INTO due, passing
  FROM (
    SELECT candidate.*, candidate.is_scheduled AND NOT EXISTS (
      SELECT FROM incidents_incidentrun link WHERE link.run_id = candidate.id
    ) AS is_passing
    FROM diagnostics_run candidate WHERE candidate.id = ANY (runs)
  ) AS one JOIN diagnostics_stack stack ON stack.id = one.stack_id
  WHERE one.state = 'finished'
    AND one.finished_at < now() - make_interval(
      days => CASE WHEN one.is_passing THEN schedule_days(stack.document) ELSE retention_days(stack.document) END
    )
    AND NOT EXISTS (
      SELECT FROM incidents_incidentrun link JOIN incidents_incident incident ON incident.id = link.incident_id
      WHERE link.run_id = one.id AND incident.state IN ('open', 'acknowledged')
    );
  SELECT array_agg(id), min(id) / 1000000000 * 1000000000, max(id) / 1000000000 * 1000000000 + 90000000000
  INTO doomed, first_id, end_id FROM diagnostics_checkresult WHERE run_id = ANY (due);
  RETURN QUERY
    WITH seen AS (
      DELETE FROM diagnostics_evidence
      WHERE result_id = ANY (doomed) AND id >= first_id AND (id < end_id OR first_id = 0) RETURNING result_id, text_id
    ), gone AS (
      DELETE FROM diagnostics_checkresult WHERE id = ANY (doomed) RETURNING id, run_id
    )
    SELECT one.id, count(DISTINCT gone.id), count(seen.result_id),
           coalesce(array_agg(DISTINCT seen.text_id::text) FILTER (WHERE seen.text_id IS NOT NULL), '{}')
    FROM unnest(due) AS one(id) LEFT JOIN gone ON gone.run_id = one.id LEFT JOIN seen ON seen.result_id = gone.id
    GROUP BY one.id ORDER BY one.id;
  DELETE FROM diagnostics_diagnosis WHERE run_id = ANY (passing);
  DELETE FROM diagnostics_handover WHERE run_id = ANY (passing);
  DELETE FROM diagnostics_run WHERE id = ANY (passing);
END $$;
"""

REMOVE_REPORTS = """
CREATE FUNCTION remove_reports(reports bigint[])
RETURNS TABLE (id bigint, incident_id bigint, reporter_id bigint, filed_at timestamptz) AS_OWNER AS $$
#variable_conflict use_column
DECLARE
  due bigint[];
BEGIN
  SELECT array_agg(report.id) INTO due
  FROM incidents_bugreport report
  JOIN diagnostics_stack stack ON stack.id = report.stack_id
  JOIN incidents_incident incident ON incident.id = report.incident_id
  LEFT JOIN incidents_reportrevision revision ON revision.id = report.current_id
  WHERE report.id = ANY (reports) AND incident.state NOT IN ('open', 'acknowledged')
    AND greatest(report.filed_at, revision.revised_at)
        < now() - make_interval(days => retention_days(stack.document));
  DELETE FROM incidents_reportrevision WHERE report_id = ANY (due);
  DELETE FROM incidents_reportprefill WHERE id = ANY (due);
  RETURN QUERY
    DELETE FROM incidents_bugreport WHERE id = ANY (due) RETURNING id, incident_id, reporter_id::bigint, filed_at;
END $$;
"""

FUNCTIONS = (
    ("retention_days(jsonb)", RETENTION_DAYS),
    ("remove_results(bigint[])", REMOVE_RESULTS),
    ("remove_reports(bigint[])", REMOVE_REPORTS),
)
# Reports and revisions are guarded already.
ONLY_BY_FUNCTION = ("diagnostics_checkresult", "diagnostics_evidence", "incidents_reportprefill")


def create_all() -> str:
    """Give SQL that makes the functions, and takes the right to delete from whoever had it."""
    return "".join(
        [
            *(body.replace("AS_OWNER", _AS_OWNER) for _, body in FUNCTIONS),
            *(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;" for signature, _ in FUNCTIONS),
            *(granted(f"GRANT EXECUTE ON FUNCTION {signature} TO {APPLICATION}") for signature, _ in FUNCTIONS),
            *(granted(f"REVOKE DELETE ON {table} FROM {APPLICATION}") for table in ONLY_BY_FUNCTION),
        ]
    )


def replace_for_schedules() -> str:
    """Give SQL that teaches `remove_results`, as it was made before there were schedules, about their runs."""
    replacing = REMOVE_RESULTS.replace("AS_OWNER", _AS_OWNER).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    return SCHEDULE_DAYS + replacing


def drop_all() -> str:
    """Give SQL that undoes it."""
    return "".join(
        [
            *(granted(f"GRANT DELETE ON {table} TO {APPLICATION}") for table in ONLY_BY_FUNCTION),
            *(f"DROP FUNCTION {signature};" for signature, _ in reversed(FUNCTIONS)),
        ]
    )
