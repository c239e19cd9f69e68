"""Bug reports count how often they were moved to another incident: a decision on one that was is refused."""

from django.db import migrations, models
from django.db.migrations.operations.special import RunSQL

from awe_incidents.audit.guards import APPLICATION, granted


class Migration(migrations.Migration):
    dependencies = [("incidents", "0007_words_of_incidents")]

    operations = [
        migrations.AddField("bugreport", "moves", models.PositiveIntegerField(default=0)),
        RunSQL(granted(f"GRANT UPDATE (moves) ON incidents_bugreport TO {APPLICATION}"), RunSQL.noop),
    ]
