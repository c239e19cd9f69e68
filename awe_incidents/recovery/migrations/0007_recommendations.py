"""The cause of a diagnosis for which somebody asks for an action, with the evidence that it cited."""

import django.db.models.deletion
from django.db import migrations, models

from awe_incidents.audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0012_run_checks"),
        ("recovery", "0006_one_time_secrets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Recommendation",
            fields=[
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="recommendation",
                        serialize=False,
                        to="recovery.recoveryrequest",
                    ),
                ),
                ("cause", models.CharField(max_length=100)),
                ("subject", models.CharField(max_length=500)),
                ("sentence", models.TextField()),
                ("evidence", models.JSONField()),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="diagnostics.run",
                    ),
                ),
            ],
        ),
        append_only("recovery_recommendation"),
    ]
