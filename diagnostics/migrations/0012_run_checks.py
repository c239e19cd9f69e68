"""A run may look with some checks and what they require, instead of with its suite."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0011_good_runs"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="checks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=100), db_default=[], default=list, size=None
            ),
        ),
    ]
