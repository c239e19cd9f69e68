"""Lists, rates and the sweeper's rounds by an index each; what an execution did fits how it stands."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import awe_incidents.recovery.states
from awe_incidents.recovery.states import FINAL_EXECUTIONS

# ruff: noqa: S608  our own words
EXECUTION = "recovery_execution"
final = ", ".join(f"'{state.value}'" for state in FINAL_EXECUTIONS)
# As 0005_rates, but the beginning of the time is worked out first: a clock within the condition keeps it from an index.
RATE_RULE = f"""
CREATE OR REPLACE FUNCTION {EXECUTION}_rate() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE asked recovery_recoveryrequest%ROWTYPE; since timestamptz;
BEGIN
  SELECT * INTO asked FROM recovery_recoveryrequest WHERE id = NEW.request_id;
  IF asked.rate_times = 0 THEN RETURN NEW; END IF;
  PERFORM FROM diagnostics_stack WHERE id = asked.stack_id FOR NO KEY UPDATE;
  since := clock_timestamp() - asked.rate_seconds * interval '1 second';
  IF (SELECT count(*) FROM {EXECUTION} one JOIN recovery_recoveryrequest of_one ON of_one.id = one.request_id
      WHERE of_one.stack_id = asked.stack_id AND of_one.action = asked.action AND of_one.target = asked.target
        AND one.queued_at > since AND NOT (one.state IN ({final}) AND one.effect = 'none')) >= asked.rate_times THEN
    RAISE EXCEPTION '% was started as often as it may be', asked.action USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0012_run_checks"),
        ("incidents", "0015_stack_watches"),
        ("recovery", "0011_closer_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(RATE_RULE, migrations.RunSQL.noop),  # the former one counts the same
        migrations.AlterField(
            model_name="recoveryrequest",
            name="incident",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="recovery_requests",
                to="incidents.incident",
            ),
        ),
        migrations.AlterField(
            model_name="recoveryrequest",
            name="requester",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(fields=["queued_at"], name="execution_queued"),
        ),
        migrations.AddIndex(
            model_name="onetimesecret",
            index=models.Index(
                condition=models.Q(("state", awe_incidents.recovery.states.SecretState["SEALED"])),
                fields=["expires_at"],
                name="secret_sealed",
            ),
        ),
        migrations.AddIndex(
            model_name="recoveryrequest",
            index=models.Index(fields=["state", "-id"], name="recovery_in_state"),
        ),
        migrations.AddIndex(
            model_name="recoveryrequest",
            index=models.Index(fields=["action", "-id"], name="recovery_of_action"),
        ),
        migrations.AddIndex(
            model_name="recoveryrequest",
            index=models.Index(fields=["requester", "-id"], name="recovery_of_requester"),
        ),
        migrations.AddIndex(
            model_name="recoveryrequest",
            index=models.Index(fields=["incident", "-id"], name="recovery_of_incident"),
        ),
        migrations.AddIndex(
            model_name="recoveryrequest",
            index=models.Index(fields=["stack", "action", "-id"], name="recovery_past"),
        ),
        migrations.AddConstraint(
            model_name="execution",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("effect", awe_incidents.recovery.states.Effect["NONE"]),
                        (
                            "state__in",
                            (
                                awe_incidents.recovery.states.ExecutionState["QUEUED"],
                                awe_incidents.recovery.states.ExecutionState["CLAIMED"],
                                awe_incidents.recovery.states.ExecutionState["EXPIRED"],
                                awe_incidents.recovery.states.ExecutionState["INVALIDATED"],
                                awe_incidents.recovery.states.ExecutionState["NOT_STARTED"],
                            ),
                        ),
                    ),
                    models.Q(
                        ("effect", awe_incidents.recovery.states.Effect["UNKNOWN"]),
                        (
                            "state__in",
                            (
                                awe_incidents.recovery.states.ExecutionState["RUNNING"],
                                awe_incidents.recovery.states.ExecutionState["VERIFYING"],
                                awe_incidents.recovery.states.ExecutionState["CANCELLING"],
                                awe_incidents.recovery.states.ExecutionState["OUTCOME_UNKNOWN"],
                            ),
                        ),
                    ),
                    models.Q(
                        ("effect", awe_incidents.recovery.states.Effect["WHOLE"]),
                        (
                            "state__in",
                            (
                                awe_incidents.recovery.states.ExecutionState["SUCCEEDED"],
                                awe_incidents.recovery.states.ExecutionState["VERIFY_FAILED"],
                            ),
                        ),
                    ),
                    models.Q(
                        (
                            "effect__in",
                            [
                                awe_incidents.recovery.states.Effect["NONE"],
                                awe_incidents.recovery.states.Effect["PARTIAL"],
                            ],
                        ),
                        ("state", awe_incidents.recovery.states.ExecutionState["FAILED"]),
                    ),
                    models.Q(
                        ("state", awe_incidents.recovery.states.ExecutionState["CANCELLED"]),
                        models.Q(("effect", awe_incidents.recovery.states.Effect["UNKNOWN"]), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="execution_did",
            ),
        ),
    ]
