"""Who settled an alarm, where a person did; it is settled once, and not by who asked for what it is about."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from awe_incidents.audit.guards import changeable_columns
from awe_incidents.recovery.guards import rule, unchanging, without_rule, without_unchanging

ALARM = "reconciliation_alarm"
BEFORE = ("settled_at", "settled_by_id", "settled_because")
SETTLING = (*BEFORE, "settler_id")
REFUSED = "USING ERRCODE = 'check_violation'"

SETTLING_RULE = f"""
IF OLD.settled_at IS NOT NULL THEN
  RAISE EXCEPTION 'alarm % was settled before', OLD.id {REFUSED};
END IF;
IF EXISTS (SELECT FROM recovery_recoveryrequest WHERE id = NEW.request_id AND requester_id = NEW.settler_id) THEN
  RAISE EXCEPTION 'who asked for what alarm % is about does not settle it', OLD.id {REFUSED};
END IF;
"""
NAME = f"{ALARM}_settling"


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0002_guards"),
        ("recovery", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="alarm",
            name="settler",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="alarm",
            constraint=models.CheckConstraint(
                condition=models.Q(("settler__isnull", True), ("settled_at__isnull", False), _connector="OR"),
                name="alarm_settler",
            ),
        ),
        changeable_columns(ALARM, *SETTLING),
        migrations.RunSQL(without_unchanging(ALARM), unchanging(ALARM, *BEFORE)),
        migrations.RunSQL(unchanging(ALARM, *SETTLING), without_unchanging(ALARM)),
        migrations.RunSQL(rule(NAME, ALARM, "UPDATE", SETTLING_RULE), without_rule(NAME, ALARM)),
    ]
