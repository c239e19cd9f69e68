"""Up to where engines were looked at, what was judged, and alarms."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("diagnostics", "0011_good_runs"),
        ("recovery", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="EngineWatch",
            fields=[
                (
                    "stack",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="engine_watch",
                        serialize=False,
                        to="diagnostics.stack",
                    ),
                ),
                ("engine", models.CharField(max_length=64)),
                ("began_at", models.DateTimeField()),
                ("looked_until", models.DateTimeField()),
                ("mark_at", models.DateTimeField()),
                ("mark", models.CharField(default="", max_length=32)),
                ("watched_from", models.DateTimeField()),
                ("judged_until", models.DateTimeField()),
                ("containers", models.JSONField(default=dict)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("fence", models.PositiveIntegerField(default=0)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failure", models.CharField(default="", max_length=500)),
            ],
            options={
                "verbose_name_plural": "watches of engines",
                "indexes": [models.Index(fields=["due_at"], name="engine_watch_due")],
            },
        ),
        migrations.CreateModel(
            name="Alarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=32)),
                ("key", models.CharField(max_length=64)),
                ("says", models.TextField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("events", models.PositiveIntegerField(default=0)),
                ("raised_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(null=True)),
                ("settled_because", models.TextField(default="")),
                (
                    "request",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="recovery.recoveryrequest",
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="recovery.manualaction",
                    ),
                ),
                (
                    "stack",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="alarms",
                        to="diagnostics.stack",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at__isnull", True)), fields=["stack", "id"], name="alarm_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("stack", "key"), name="alarm_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "executed_never_approved",
                                    "approved_never_executed",
                                    "span_not_looked_at",
                                    "engine_silent",
                                ],
                            )
                        ),
                        name="alarm_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("settled_at__isnull", True),
                            models.Q(("settled_because", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="alarm_settled_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JudgedEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=32)),
                ("at", models.DateTimeField()),
                ("action", models.CharField(max_length=32)),
                ("container", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=300)),
                ("service", models.CharField(max_length=300)),
                ("command_digest", models.CharField(default="", max_length=64)),
                ("signal", models.PositiveSmallIntegerField(default=0)),
                ("cause", models.CharField(max_length=16)),
                ("follows", models.BooleanField(default=False)),
                (
                    "execution",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="recovery.execution",
                    ),
                ),
                (
                    "manual_action",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="recovery.manualaction",
                    ),
                ),
                (
                    "stack",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="diagnostics.stack",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["stack", "at"], name="judged_event_of_stack")],
                "constraints": [
                    models.UniqueConstraint(fields=("stack", "key"), name="judged_event_once"),
                    models.CheckConstraint(
                        condition=models.Q(("cause__in", ["itself", "execution", "manual_action", "nobody"])),
                        name="judged_event_cause",
                    ),
                ],
            },
        ),
    ]
