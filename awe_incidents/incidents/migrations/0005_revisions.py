"""Corrections of bug reports are rows beside them that never change; a report knows which one is current."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.special import RunSQL

import awe_incidents.incidents.states
from awe_incidents.audit.guards import APPLICATION, append_only, changeable_columns, granted


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0005_months"),
        ("incidents", "0004_lint"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="bugreport",
            name="environment_source",
            field=models.CharField(
                choices=[("reporter", "reporter"), ("stack", "stack")],
                default=awe_incidents.incidents.states.EnvironmentSource["REPORTER"],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="ReportRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "environment",
                    models.CharField(
                        choices=[("Development", "Development"), ("Staging", "Staging"), ("Production", "Production")],
                        max_length=16,
                    ),
                ),
                (
                    "environment_source",
                    models.CharField(
                        choices=[("reporter", "reporter"), ("stack", "stack")],
                        default=awe_incidents.incidents.states.EnvironmentSource["REPORTER"],
                        max_length=16,
                    ),
                ),
                ("docker_compose_version", models.TextField(blank=True)),
                ("container_logs", models.TextField(blank=True)),
                ("steps_to_reproduce", models.TextField(blank=True)),
                ("expected_behavior", models.TextField(blank=True)),
                ("actual_behavior", models.TextField()),
                ("screenshots", models.TextField(blank=True)),
                ("redactions", models.JSONField(default=dict)),
                ("lint", models.JSONField(default=list)),
                ("completeness", models.PositiveSmallIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("because", models.TextField(blank=True)),
                (
                    "changed",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), size=None),
                ),
                ("revised_at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "report",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revisions",
                        to="incidents.bugreport",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="bugreport",
            name="current",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="incidents.reportrevision",
            ),
        ),
        migrations.AddConstraint(
            model_name="bugreport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "environment_source__in",
                        [
                            awe_incidents.incidents.states.EnvironmentSource["REPORTER"],
                            awe_incidents.incidents.states.EnvironmentSource["STACK"],
                        ],
                    )
                ),
                name="report_environment_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrevision",
            constraint=models.UniqueConstraint(fields=("report", "number"), name="revision_once"),
        ),
        migrations.AddConstraint(
            model_name="reportrevision",
            constraint=models.CheckConstraint(condition=models.Q(("number__gte", 2)), name="revision_number"),
        ),
        migrations.AddConstraint(
            model_name="reportrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(("changed", []), _negated=True), name="revision_changes_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(("environment__in", ("Development", "Staging", "Production"))),
                name="revision_environment",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "environment_source__in",
                        [
                            awe_incidents.incidents.states.EnvironmentSource["REPORTER"],
                            awe_incidents.incidents.states.EnvironmentSource["STACK"],
                        ],
                    )
                ),
                name="revision_environment_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(("actual_behavior", ""), _negated=True), name="revision_says_what_happened"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrevision",
            constraint=models.CheckConstraint(
                condition=models.Q(("completeness__lte", 100)), name="revision_completeness"
            ),
        ),
        # Removed together with their report by its retention, which is the owner's, and by nobody else.
        append_only("incidents_reportrevision", deletable=True),
        RunSQL(granted(f"REVOKE DELETE ON incidents_reportrevision FROM {APPLICATION}"), RunSQL.noop),
        changeable_columns("incidents_bugreport", "incident_id", "current_id", "completeness"),
    ]
