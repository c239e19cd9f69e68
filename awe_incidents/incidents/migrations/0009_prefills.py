"""What stacks know of themselves stands beside the bug reports about them."""

import django.db.models.deletion
from django.db import migrations, models

import awe_incidents.incidents.states


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0008_moves"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportPrefill",
            fields=[
                (
                    "report",
                    models.OneToOneField(
                        db_column="id",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="prefill",
                        serialize=False,
                        to="incidents.bugreport",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("collected", "collected")],
                        default=awe_incidents.incidents.states.PrefillState["WAITING"],
                        max_length=16,
                    ),
                ),
                ("fields", models.JSONField(default=dict)),
                ("collected_at", models.DateTimeField(null=True)),
                ("rung_at", models.DateTimeField()),
                ("lease_until", models.DateTimeField(null=True)),
                ("fence", models.PositiveIntegerField(default=0)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", awe_incidents.incidents.states.PrefillState["WAITING"])),
                        fields=["rung_at"],
                        name="prefill_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("collected_at", None),
                                ("fields", {}),
                                ("state", awe_incidents.incidents.states.PrefillState["WAITING"]),
                            ),
                            models.Q(
                                ("collected_at__isnull", False),
                                ("lease_until", None),
                                ("state", awe_incidents.incidents.states.PrefillState["COLLECTED"]),
                                models.Q(("fields", {}), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="prefill_whole",
                    )
                ],
            },
        ),
    ]
