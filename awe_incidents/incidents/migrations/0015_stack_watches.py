"""What scheduled runs say of stacks; and those that no incident has go after days of their own."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import awe_incidents.incidents.states
from awe_incidents.incidents.removal import replace_for_schedules


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0009_schedules"),
        ("incidents", "0014_suggestions"),
    ]

    operations = [
        migrations.CreateModel(
            name="StackWatch",
            fields=[
                (
                    "stack",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="watch",
                        serialize=False,
                        to="diagnostics.stack",
                    ),
                ),
                ("of_schedule", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(default=awe_incidents.incidents.states.WatchState["HEALTHY"], max_length=16),
                ),
                ("since", models.DateTimeField()),
                (
                    "told",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), default=list, size=None
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "watches of stacks",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["healthy", "doubtful", "unhealthy"])),
                        name="watch_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state", "unhealthy"),
                            models.Q(("incident", None), ("told", [])),
                            _connector="OR",
                        ),
                        name="watch_incident_while_unhealthy",
                    ),
                ],
            },
        ),
        migrations.RunSQL(replace_for_schedules(), migrations.RunSQL.noop),
    ]
