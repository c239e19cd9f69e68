"""Who is affected is known by login name and mail address, however they are written; not by the very letters alone."""

from django.db import migrations

DECISION, REVIEW = "recovery_decision", "recovery_review"
# ruff: noqa: S608  our own words
REFUSED = "USING ERRCODE = 'check_violation'"
# The same as policies.is_affected. Compatibility composition makes the other blanks of Unicode to plain ones.
IS_AFFECTED = r"""
CREATE OR REPLACE FUNCTION recovery_folded(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT lower(btrim(normalize(coalesce(name, ''), NFKC), E' \t\n\x0B\f\r\x1C\x1D\x1E\x1F\u0085\u1680\u2028\u2029'))
$$;
CREATE OR REPLACE FUNCTION recovery_is_affected(affected text, username text, email text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT recovery_folded(affected) <> ''
     AND recovery_folded(affected) IN (recovery_folded(username), recovery_folded(email))
$$;
"""
# As 0011_closer_guards, but for the comparison.
DECISION_RULE = f"""
CREATE OR REPLACE FUNCTION {DECISION}_role() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE decider accounts_user%ROWTYPE;
BEGIN
  SELECT * INTO decider FROM accounts_user WHERE id = NEW.person_id;
  IF NOT (decider.is_active AND 'approver' = ANY(decider.roles)) THEN
    RAISE EXCEPTION '% is no approver', decider.username {REFUSED};
  END IF;
  IF EXISTS (SELECT FROM recovery_requestterms WHERE request_id = NEW.request_id
             AND recovery_is_affected(affected_user, decider.username, decider.email)) THEN
    RAISE EXCEPTION 'nobody decides on what is done to the own account' {REFUSED};
  END IF;
  RETURN NEW;
END $$;
"""
REVIEWING_RULE = f"""
CREATE OR REPLACE FUNCTION {REVIEW}_reviewing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
IF OLD.state = 'reviewed' THEN
  RAISE EXCEPTION 'a review is not changed' {REFUSED};
END IF;
IF NEW.reviewer_id IS NOT NULL AND NOT EXISTS (
   SELECT FROM accounts_user WHERE id = NEW.reviewer_id AND is_active AND 'approver' = ANY(roles)) THEN
  RAISE EXCEPTION 'who reviews is no approver' {REFUSED};
END IF;
IF EXISTS (SELECT FROM recovery_requestterms AS terms JOIN accounts_user AS person ON person.id = NEW.reviewer_id
   WHERE terms.request_id = NEW.request_id
     AND recovery_is_affected(terms.affected_user, person.username, person.email)) THEN
  RAISE EXCEPTION 'nobody reviews what was done to the own account' {REFUSED};
END IF;
RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("recovery", "0013_leases_run_out")]

    operations = [  # the rules stay where the migration is taken back, and so does what they call
        migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (IS_AFFECTED, DECISION_RULE, REVIEWING_RULE)
    ]
