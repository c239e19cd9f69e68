"""Secrets for a requester's eyes: one an execution, made while it is held, shown to nobody else, and gone afterwards."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import awe_incidents.recovery.states
from awe_incidents.audit.guards import changeable_columns
from awe_incidents.recovery.guards import (
    rule,
    transitions,
    unchanging,
    without_rule,
    without_transitions,
    without_unchanging,
)
from awe_incidents.recovery.states import SECRET_TRANSITIONS, SecretState

TABLE = "recovery_onetimesecret"
CHANGEABLE = ("state", "ciphertext", "shown_to_id")
REFUSED = "USING ERRCODE = 'check_violation'"
# ruff: noqa: S608  our own words
MAKING_RULE = f"""
IF NOT EXISTS (SELECT FROM recovery_execution
   WHERE id = NEW.execution_id AND state IN ('running', 'cancelling') AND lease_until > clock_timestamp()) THEN
  RAISE EXCEPTION 'nobody holds execution % now', NEW.execution_id {REFUSED};
END IF;
"""
SHOWING_RULE = f"""
IF NEW.ciphertext IS NOT NULL AND NEW.ciphertext IS DISTINCT FROM OLD.ciphertext THEN
  RAISE EXCEPTION 'a sealed secret is not exchanged' {REFUSED};
END IF;
IF NEW.state = 'shown' AND OLD.state = 'sealed' AND (OLD.expires_at <= clock_timestamp()
   OR NEW.shown_to_id IS DISTINCT FROM (
     SELECT requester_id FROM recovery_recoveryrequest AS asked
     JOIN recovery_execution AS done ON done.request_id = asked.id WHERE done.id = OLD.execution_id)) THEN
  RAISE EXCEPTION 'a secret is shown in time, and to who asked for the action' {REFUSED};
END IF;
IF NEW.shown_to_id IS NOT NULL AND NEW.state <> 'shown' THEN
  RAISE EXCEPTION 'nobody was shown a secret that is %', NEW.state {REFUSED};
END IF;
"""
RULES = ((f"{TABLE}_making", "INSERT", MAKING_RULE), (f"{TABLE}_showing", "UPDATE", SHOWING_RULE))


class Migration(migrations.Migration):
    dependencies = [
        ("recovery", "0005_rates"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OneTimeSecret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(default=awe_incidents.recovery.states.SecretState["SEALED"], max_length=16)),
                ("ciphertext", models.BinaryField(null=True)),
                ("sealed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                (
                    "execution",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="secret", to="recovery.execution"
                    ),
                ),
                (
                    "shown_to",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    awe_incidents.recovery.states.SecretState["SEALED"],
                                    awe_incidents.recovery.states.SecretState["SHOWN"],
                                    awe_incidents.recovery.states.SecretState["EXPIRED"],
                                ],
                            )
                        ),
                        name="secret_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("ciphertext__isnull", False),
                                ("state", awe_incidents.recovery.states.SecretState["SEALED"]),
                            ),
                            models.Q(
                                models.Q(("state", awe_incidents.recovery.states.SecretState["SEALED"]), _negated=True),
                                ("ciphertext__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="secret_gone",
                    ),
                ],
            },
        ),
        changeable_columns(TABLE, *CHANGEABLE),
        migrations.RunSQL(unchanging(TABLE, *CHANGEABLE), without_unchanging(TABLE)),
        migrations.RunSQL(transitions(TABLE, SECRET_TRANSITIONS, first=SecretState.SEALED), without_transitions(TABLE)),
        *(migrations.RunSQL(rule(name, TABLE, when, body), without_rule(name, TABLE)) for name, when, body in RULES),
    ]
