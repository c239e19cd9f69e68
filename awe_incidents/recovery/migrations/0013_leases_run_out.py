"""A lease that has run out is not taken up again; to say once more that it has run out is no renewal."""

from django.db import migrations

from awe_incidents.recovery.states import HELD

EXECUTION, STEP = "recovery_execution", "recovery_executionstep"
held = ", ".join(f"'{state.value}'" for state in HELD)
# ruff: noqa: S608  our own words
REFUSED = "USING ERRCODE = 'check_violation'"
# As 0011_closer_guards, but for the renewal.
ORDER_RULE = f"""
CREATE OR REPLACE FUNCTION {EXECUTION}_work_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
IF OLD.state IN ({held}) AND OLD.lease_until <= clock_timestamp() AND NEW.state NOT IN ('outcome_unknown', 'cancelling')
   AND (NEW.state <> OLD.state OR NEW.lease_until > clock_timestamp()) THEN
  RAISE EXCEPTION 'the lease of execution % has run out', NEW.id {REFUSED};
END IF;
IF NEW.state = OLD.state THEN RETURN NEW; END IF;
IF NEW.state = 'running' AND (NEW.started_at IS NULL OR NOT EXISTS (
   SELECT FROM audit_entry AS entry
   JOIN audit_leaf AS leaf ON leaf.entry_id = entry.id
   JOIN audit_checkpoint AS signed ON signed.size > leaf.index
   WHERE entry.id = NEW.intent AND entry.verb = 'execution:intended'
     AND entry.subject_type = 'execution' AND entry.subject_id = NEW.id::text
     AND convert_from(entry.body, 'UTF8')::jsonb #> '{{data,fence}}' = to_jsonb(NEW.fence))) THEN
  RAISE EXCEPTION 'the intent of execution % is not signed', NEW.id {REFUSED};
END IF;
IF NEW.state = 'verifying' AND EXISTS (SELECT FROM {STEP} WHERE execution_id = NEW.id AND state <> 'done') THEN
  RAISE EXCEPTION 'not every step of execution % is done', NEW.id {REFUSED};
END IF;
RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("recovery", "0012_reads_by_index")]

    operations = [migrations.RunSQL(ORDER_RULE, migrations.RunSQL.noop)]  # the former one refuses more
