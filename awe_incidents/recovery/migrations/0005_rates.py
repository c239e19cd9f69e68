"""How often an action may start on one target, and the database's own count of it."""

from django.db import migrations, models

from awe_incidents.recovery.guards import rule, without_rule
from awe_incidents.recovery.states import FINAL_EXECUTIONS

# ruff: noqa: S608  our own words
EXECUTION = "recovery_execution"
final = ", ".join(f"'{state.value}'" for state in FINAL_EXECUTIONS)
# Two approvals at once wait for each other at the stack's row.
RATE_RULE = f"""
DECLARE asked recovery_recoveryrequest%ROWTYPE;
BEGIN
  SELECT * INTO asked FROM recovery_recoveryrequest WHERE id = NEW.request_id;
  IF asked.rate_times = 0 THEN RETURN NEW; END IF;
  PERFORM FROM diagnostics_stack WHERE id = asked.stack_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM {EXECUTION} one JOIN recovery_recoveryrequest of_one ON of_one.id = one.request_id
      WHERE of_one.stack_id = asked.stack_id AND of_one.action = asked.action AND of_one.target = asked.target
        AND one.queued_at > clock_timestamp() - asked.rate_seconds * interval '1 second'
        AND NOT (one.state IN ({final}) AND one.effect = 'none')) >= asked.rate_times THEN
    RAISE EXCEPTION '% was started as often as it may be', asked.action USING ERRCODE = 'check_violation';
  END IF;
END;
"""


class Migration(migrations.Migration):
    dependencies = [("recovery", "0004_freezes")]

    operations = [
        migrations.AddField("recoveryrequest", "rate_seconds", models.PositiveIntegerField(db_default=0)),
        migrations.AddField("recoveryrequest", "rate_times", models.PositiveIntegerField(db_default=0)),
        migrations.RunSQL(
            rule(f"{EXECUTION}_rate", EXECUTION, "INSERT", RATE_RULE), without_rule(f"{EXECUTION}_rate", EXECUTION)
        ),
    ]
