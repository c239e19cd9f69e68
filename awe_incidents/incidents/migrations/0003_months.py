"""Bug reports and timelines are parted by month."""

from django.db import migrations

import awe_incidents.monthly
from awe_incidents.growth.parting import part_by_month


class Migration(migrations.Migration):
    dependencies = [("incidents", "0002_guards"), ("growth", "0001_functions")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[part_by_month("incidents_bugreport", "incidents_timelineentry")],
            state_operations=[
                migrations.AlterField(
                    model_name=name,
                    name="id",
                    field=awe_incidents.monthly.MonthlyId(primary_key=True, serialize=False),
                )
                for name in ("bugreport", "timelineentry")
            ],
        )
    ]
