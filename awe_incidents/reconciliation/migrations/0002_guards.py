"""What was judged never changes, an alarm can only be settled, and nobody deletes either."""

from django.db import migrations

from awe_incidents.audit.guards import append_only, changeable_columns
from awe_incidents.recovery.guards import unchanging, without_unchanging

ALARM = "reconciliation_alarm"
SETTLING = ("settled_at", "settled_by_id", "settled_because")


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial"), ("audit", "0002_guards")]

    operations = [
        append_only("reconciliation_judgedevent"),
        changeable_columns(ALARM, *SETTLING),
        migrations.RunSQL(unchanging(ALARM, *SETTLING), without_unchanging(ALARM)),
    ]
