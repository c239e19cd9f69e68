"""Bug reports know what they lack; those that are there are judged now."""

from django.db import migrations, models

from awe_incidents.incidents.lint import lint
from awe_incidents.incidents.template import SECTIONS, TemplateFields

BATCH = 500


def judge(apps, schema_editor):
    reports = apps.get_model("incidents", "BugReport").objects.select_related("stack").order_by("pk")
    batch = []
    for report in reports.iterator(chunk_size=BATCH):
        fields = TemplateFields(**{name: getattr(report, name) for name in SECTIONS})
        verdict = lint(fields, environment=report.stack.environment)
        report.lint, report.completeness = [flaw._asdict() for flaw in verdict.flaws], verdict.completeness
        batch.append(report)
        if len(batch) == BATCH:
            reports.bulk_update(batch, ["lint", "completeness"])
            batch = []
    reports.bulk_update(batch, ["lint", "completeness"])


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_months")]

    operations = [
        migrations.AddField("bugreport", "lint", models.JSONField(default=list)),
        migrations.AddField("bugreport", "completeness", models.PositiveSmallIntegerField(default=0), False),
        migrations.RunPython(judge, migrations.RunPython.noop),
        migrations.AlterField(
            "bugreport",
            "incident",
            models.ForeignKey("incidents.incident", on_delete=models.PROTECT, related_name="reports", db_index=False),
        ),
        migrations.AddIndex("bugreport", models.Index(fields=["incident", "completeness"], name="report_of_incident")),
        migrations.AddConstraint(
            "bugreport",
            models.CheckConstraint(condition=models.Q(("completeness__lte", 100)), name="report_completeness"),
        ),
    ]
