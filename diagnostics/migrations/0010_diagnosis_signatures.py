"""Which known log lines a run saw is kept beside its diagnosis: its results are removed by retention, that stays."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0009_schedules"),
    ]

    operations = [
        migrations.AddField(
            model_name="diagnosis",
            name="signatures",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=32), default=list, size=None
            ),
        ),
    ]
