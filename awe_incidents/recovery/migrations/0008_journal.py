"""What was written into a journal while our own database was away, and taken in afterwards."""

import django.db.models.deletion
from django.db import migrations, models

from awe_incidents.audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("recovery", "0007_recommendations")]

    operations = [
        migrations.CreateModel(
            name="JournaledAction",
            fields=[
                (
                    "action",
                    models.OneToOneField(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="journaled",
                        serialize=False,
                        to="recovery.manualaction",
                    ),
                ),
                ("key", models.CharField(max_length=16)),
                ("number", models.PositiveIntegerField()),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("follows", models.BooleanField()),
                ("written_at", models.DateTimeField()),
            ],
        ),
        append_only("recovery_journaledaction"),
    ]
