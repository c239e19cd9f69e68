"""What runs found for an incident stands beside it: what the service suggests, and what similar incidents are found by.

Incidents from before keep the words that they have: without a source these count as a person's.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0010_diagnosis_signatures"),
        ("incidents", "0013_newest_first"),
    ]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="severity_source",
            field=models.CharField(blank=True, default="", max_length=8),
        ),
        migrations.AddField(
            model_name="incident",
            name="category_source",
            field=models.CharField(blank=True, default="", max_length=8),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("severity_source__in", ["", "service", "person"]),
                    models.Q(("severity", ""), ("severity_source", "service"), _negated=True),
                    ("category_source__in", ["", "service", "person"]),
                    models.Q(("category", ""), ("category_source", "service"), _negated=True),
                ),
                name="incident_sources",
            ),
        ),
        migrations.CreateModel(
            name="IncidentDiagnosis",
            fields=[
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="diagnosis",
                        serialize=False,
                        to="incidents.incident",
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("cause", models.CharField(blank=True, default="", max_length=100)),
                ("subject", models.CharField(blank=True, default="", max_length=500)),
                ("sentence", models.TextField(blank=True, default="")),
                ("category", models.CharField(blank=True, default="", max_length=16)),
                ("severity", models.CharField(blank=True, default="", max_length=16)),
                (
                    "actions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), default=list, size=None
                    ),
                ),
                ("suggested_at", models.DateTimeField(null=True)),
                (
                    "signatures",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=32), default=list, size=None
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="diagnostics.run",
                    ),
                ),
                (
                    "stack",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="diagnostics.stack",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "diagnoses of incidents",
                "indexes": [
                    models.Index(
                        condition=models.Q(("cause", ""), _negated=True),
                        fields=["cause", "-opened_at", "-incident"],
                        name="incident_by_cause",
                    ),
                    models.Index(
                        condition=models.Q(("cause", ""), _negated=True),
                        fields=["stack", "cause", "-opened_at", "-incident"],
                        name="incident_by_cause_of_stack",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("category", ""),
                                ("cause", ""),
                                ("run", None),
                                ("severity", ""),
                                ("suggested_at", None),
                            ),
                            models.Q(
                                ("run__isnull", False),
                                ("suggested_at__isnull", False),
                                models.Q(("cause", ""), _negated=True),
                                models.Q(("category", ""), _negated=True),
                                models.Q(("severity", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="incident_suggestion_whole",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IncidentSignature",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("opened_at", models.DateTimeField()),
                ("signature", models.CharField(max_length=32)),
                (
                    "incident",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="incidents.incident",
                    ),
                ),
                (
                    "stack",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="diagnostics.stack",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["signature", "-opened_at", "-incident"], name="incident_by_line"),
                    models.Index(
                        fields=["stack", "signature", "-opened_at", "-incident"], name="incident_by_line_of_stack"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "signature"), name="incident_signature_once")
                ],
            },
        ),
    ]
