"""When stacks are looked at by the clock, and which runs were asked for by it."""

import datetime

import django.db.models.deletion
from django.db import migrations, models

import diagnostics.states


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0008_diagnoses"),
    ]

    operations = [
        migrations.CreateModel(
            name="StackSchedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("every", models.DurationField()),
                ("suite", models.CharField(max_length=16)),
                ("opens_incidents", models.BooleanField()),
                ("due_at", models.DateTimeField()),
                (
                    "stack",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="schedule", to="diagnostics.stack"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["due_at"], name="schedule_due")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("suite__in", ("health", "ssl", "database", "auth", "full"))),
                        name="schedule_suite",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("every__gte", datetime.timedelta(seconds=60))), name="schedule_every"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="run",
            name="is_scheduled",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("is_scheduled", True),
                    models.Q(("state", diagnostics.states.RunState["FINISHED"]), _negated=True),
                ),
                fields=("stack",),
                name="run_scheduled_once",
            ),
        ),
    ]
