"""SQL functions of tables that are parted by month: their ids, and their partitions.

The application owns nothing and may create no table, so what it may ask for stands here as functions of the owner
(SECURITY DEFINER): make the months from one to another, and nothing else. Each month is made like the table's default
partition, which has the indexes that a partitioned table itself cannot have. A month has no grants: rows are reached
through the table, whose rights hold.
"""

from __future__ import annotations

from awe_incidents.audit.guards import APPLICATION, granted

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"

MONTH_FLOOR = """
CREATE FUNCTION month_floor(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT (extract(year FROM at AT TIME ZONE 'UTC')::bigint * 100 + extract(month FROM at AT TIME ZONE 'UTC')::bigint)
         * 1000000000
$$;
"""

# The sequence itself carries the month: whoever comes first in a month moves it there. So ids never go back, not by a
# transaction that began in the month before, nor by a clock that was set back.
NEXT_MONTH_ID = """
CREATE FUNCTION next_month_id(sequence regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  taken bigint := nextval(sequence);
BEGIN
  IF taken >= public.month_floor(now()) THEN
    RETURN taken;
  END IF;
  PERFORM public.begin_month(sequence);
  RETURN nextval(sequence);
END $$;
"""

# A session's lock and not a transaction's: those who meet here at the turn of a month must not wait for each other's
# commits, holding one sequence and wanting another.
BEGIN_MONTH = """
CREATE FUNCTION begin_month(sequence regclass) RETURNS void AS_OWNER AS $$
DECLARE
  beginning bigint := month_floor(now());
  reached bigint;
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_depend JOIN pg_class ON pg_class.oid = refobjid
    WHERE objid = sequence AND classid = 'pg_class'::regclass AND deptype = 'a' AND relkind = 'p'
  ) THEN
    RAISE EXCEPTION '% does not count the rows of a table that is parted by month', sequence;
  END IF;
  PERFORM pg_advisory_lock('pg_class'::regclass::oid::int, sequence::oid::int);
  BEGIN
    EXECUTE format('SELECT last_value FROM %s', sequence) INTO reached;
    IF reached < beginning THEN
      PERFORM setval(sequence, beginning);
    END IF;
  EXCEPTION WHEN OTHERS OR query_canceled THEN
    PERFORM pg_advisory_unlock('pg_class'::regclass::oid::int, sequence::oid::int);
    RAISE;
  END;
  PERFORM pg_advisory_unlock('pg_class'::regclass::oid::int, sequence::oid::int);
END $$;
"""

MONTHS_OF = """
CREATE FUNCTION months_of(parent regclass) RETURNS TABLE (part regclass, first_id bigint, end_id bigint)
LANGUAGE sql STABLE AS $$
  SELECT inhrelid::regclass,
         substring(pg_get_expr(relpartbound, oid) FROM 'FROM \\(''(\\d+)''\\)')::bigint,
         substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''(\\d+)''\\)')::bigint
  FROM pg_inherits JOIN pg_class ON oid = inhrelid
  WHERE inhparent = parent AND pg_get_expr(relpartbound, oid) <> 'DEFAULT'
$$;
"""

# A partition like another: its indexes, its guards against TRUNCATE (rows' triggers come from the table by themselves),
# and nobody's rights.
MAKE_PARTITION = """
CREATE FUNCTION make_partition(name text, parent regclass, model regclass) RETURNS regclass LANGUAGE plpgsql AS $$
DECLARE
  made regclass;
  one record;
BEGIN
  EXECUTE format('CREATE TABLE %I (LIKE %s INCLUDING ALL)', name, model);
  made := to_regclass(quote_ident(name));
  FOR one IN SELECT tgname, pg_get_triggerdef(oid) AS definition FROM pg_trigger
             WHERE tgrelid = parent AND NOT tgisinternal AND tgtype & 1 = 0 LOOP
    EXECUTE regexp_replace(one.definition, ' ON \\S+ ', format(' ON %s ', made));
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', made, one.tgname);
  END LOOP;
  FOR one IN SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
             FROM pg_class, aclexplode(relacl) WHERE oid = made AND grantee <> relowner LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', made, one.role);
  END LOOP;
  RETURN made;
END $$;
"""

MAKE_MONTH = """
CREATE FUNCTION make_month(parent regclass, month date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  beginning bigint := month_floor(month::timestamp AT TIME ZONE 'UTC');
  ending bigint := month_floor((month + interval '1 month') AT TIME ZONE 'UTC');
  made regclass;
BEGIN
  IF EXISTS (SELECT FROM months_of(parent) WHERE coalesce(first_id, 0) < ending AND end_id > beginning) THEN
    RETURN 0;
  END IF;
  made := make_partition(parent || to_char(month, '_YYYYMM'), parent, to_regclass(parent || '_default'));
  EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', parent, made, beginning, ending);
  RETURN 1;
END $$;
"""

# Rows that came when their month was missing lie in the default partition. It becomes the partition of their months as
# it is, and a new default takes its place: no row moves, so no guard has to be lifted.
MEND_DEFAULT = """
CREATE FUNCTION mend_default(parent regclass) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  stray regclass := to_regclass(parent || '_default');
  lowest bigint;
  highest bigint;
  beginning bigint;
  ending bigint;
BEGIN
  EXECUTE format('SELECT min(id), max(id) FROM %s', stray) INTO lowest, highest;
  IF lowest IS NULL THEN
    RETURN 0;
  END IF;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', parent);
  EXECUTE format('SELECT min(id), max(id) FROM %s', stray) INTO lowest, highest;
  IF lowest / 1000000000 % 100 NOT BETWEEN 1 AND 12 OR highest / 1000000000 % 100 NOT BETWEEN 1 AND 12
     OR lowest < 200001000000000 OR highest > 999912999999999 THEN
    RETURN 0;
  END IF;
  beginning := lowest / 1000000000 * 1000000000;
  ending := month_floor((to_date((highest / 1000000000)::text, 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC');
  IF EXISTS (SELECT FROM months_of(parent) WHERE coalesce(first_id, 0) < ending AND end_id > beginning) THEN
    RETURN 0;
  END IF;
  EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', parent, stray);
  EXECUTE format('ALTER TABLE %s RENAME TO %I', stray, parent || '_' || beginning / 1000000000);
  EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', parent, stray, beginning, ending);
  EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s DEFAULT', parent,
                 make_partition(parent || '_default', parent, stray));
  RETURN 1;
END $$;
"""

# Waiting for a lock would make those wait who file, so it waits for a second and is asked again in an hour.
MAKE_MONTHS = """
CREATE FUNCTION make_months(first integer, last integer) RETURNS integer AS_OWNER SET lock_timeout = '1s' AS $$
DECLARE
  parent regclass;
  month date;
  made integer := 0;
BEGIN
  IF first NOT BETWEEN 200001 AND last OR last > 999911 OR last / 100 - first / 100 > 50
     OR first % 100 NOT BETWEEN 1 AND 12 OR last % 100 NOT BETWEEN 1 AND 12 THEN
    RAISE EXCEPTION 'months are made from YYYYMM to YYYYMM, at most 50 years of them, not from % to %', first, last;
  END IF;
  PERFORM pg_advisory_xact_lock('pg_inherits'::regclass::oid::int, 0);
  FOR parent IN SELECT oid FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY relname
  LOOP
    made := made + mend_default(parent);
    FOR month IN SELECT generate_series(to_date(first::text, 'YYYYMM'), to_date(last::text, 'YYYYMM'), '1 month') LOOP
      made := made + make_month(parent, month);
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
"""

ROWS_OUTSIDE_MONTHS = """
CREATE FUNCTION rows_outside_months() RETURNS TABLE (name text, number bigint) AS_OWNER AS $$
BEGIN
  FOR name IN SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('SELECT count(*) FROM %I', name || '_default') INTO number;
    IF number > 0 THEN
      RETURN NEXT;
    END IF;
  END LOOP;
END $$;
"""

# A month is over for good when the next one is, too: no transaction of it can go on. Nothing is ever removed here.
DROP_EMPTY_MONTHS = """
CREATE FUNCTION drop_empty_months() RETURNS integer AS_OWNER SET lock_timeout = '1s' AS $$
DECLARE
  parent regclass;
  one record;
  has_rows boolean;
  dropped integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock('pg_inherits'::regclass::oid::int, 1) THEN
    RETURN 0;
  END IF;
  FOR parent IN SELECT oid FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY relname
  LOOP
    FOR one IN SELECT part FROM months_of(parent) WHERE end_id <= month_floor(now() - interval '31 days') LOOP
      EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one.part) INTO has_rows;
      CONTINUE WHEN has_rows;
      EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', one.part);
      EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one.part) INTO has_rows;
      CONTINUE WHEN has_rows;
      EXECUTE format('DROP TABLE %s', one.part);
      dropped := dropped + 1;
    END LOOP;
  END LOOP;
  RETURN dropped;
END $$;
"""

FUNCTIONS = (
    ("month_floor(timestamptz)", MONTH_FLOOR, True),
    ("begin_month(regclass)", BEGIN_MONTH, True),
    ("next_month_id(regclass)", NEXT_MONTH_ID, True),
    ("months_of(regclass)", MONTHS_OF, False),
    ("make_partition(text, regclass, regclass)", MAKE_PARTITION, False),
    ("make_month(regclass, date)", MAKE_MONTH, False),
    ("mend_default(regclass)", MEND_DEFAULT, False),
    ("make_months(integer, integer)", MAKE_MONTHS, True),
    ("rows_outside_months()", ROWS_OUTSIDE_MONTHS, True),
)


DROPPING = (("drop_empty_months()", DROP_EMPTY_MONTHS, True),)
Functions = tuple[tuple[str, str, bool], ...]  # signature, body, whether the application may call it


def create_all(functions: Functions = FUNCTIONS) -> str:
    """Give SQL that makes functions, each for whoever has a use for it only."""
    return "".join(
        body.replace("AS_OWNER", _AS_OWNER)
        + f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;"
        + (granted(f"GRANT EXECUTE ON FUNCTION {signature} TO {APPLICATION}") if for_application else "")
        for signature, body, for_application in functions
    )


def drop_all(functions: Functions = FUNCTIONS) -> str:
    """Give SQL that takes them away again."""
    return "".join(f"DROP FUNCTION {signature};" for signature, _, _ in reversed(functions))
