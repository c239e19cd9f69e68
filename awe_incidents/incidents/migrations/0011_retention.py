"""Retention removes by functions of the owner, and leaves behind that there was something."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from awe_incidents.audit.guards import append_only
from awe_incidents.incidents.removal import create_all, drop_all


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0006_retention"),
        ("incidents", "0010_prefill_months"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RemovedReport",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("filed_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="incident",
            name="reports_removed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="bugreport",
            index=models.Index(fields=["stack", "-id"], name="report_of_stack"),
        ),
        migrations.AddIndex(
            model_name="bugreport",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["filed_at"], name="report_filed"
            ),
        ),
        migrations.AddField(
            model_name="removedreport",
            name="incident",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="removed_reports",
                to="incidents.incident",
            ),
        ),
        migrations.AddField(
            model_name="removedreport",
            name="reporter",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        append_only("incidents_removedreport"),
        migrations.RunSQL(create_all(), drop_all()),
    ]
