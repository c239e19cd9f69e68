"""Incidents are listed and searched in the order of opening; indexes for it take the place of those by number."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0012_bytes_as_they_are")]

    operations = [
        migrations.AlterField(
            model_name="incident",
            name="stack",
            field=models.ForeignKey(
                db_index=False, on_delete=models.PROTECT, related_name="incidents", to="diagnostics.stack"
            ),
        ),
        migrations.RemoveIndex(
            model_name="incident",
            name="incident_of_stack",
        ),
        migrations.RemoveIndex(
            model_name="incident",
            name="incident_by_state",
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["-opened_at", "-id"], name="incident_newest"),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["stack", "-opened_at", "-id"], name="incident_newest_of_stack"),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["state", "-opened_at", "-id"], name="incident_newest_by_state"),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(
                    (
                        "state__in",
                        ["open", "acknowledged"],
                    )
                ),
                fields=["-opened_at", "-id"],
                name="incident_newest_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("severity", ""), _negated=True),
                fields=["severity", "-opened_at", "-id"],
                name="incident_by_severity",
            ),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("category", ""), _negated=True),
                fields=["category", "-opened_at", "-id"],
                name="incident_by_category",
            ),
        ),
        migrations.RemoveIndex(model_name="incidentwords", name="words_leading"),
        migrations.AddIndex(
            model_name="incidentwords",
            index=models.Index(
                condition=models.Q(("is_lead", True), ("stack__gt", 0)),
                fields=["stack", "-incident"],
                name="words_leading",
            ),
        ),
        # Rows are too short for PostgreSQL to move words out of them; long ones are better compressed.
        migrations.RunSQL(
            "ALTER TABLE incidents_incidentwords ALTER COLUMN words SET STORAGE EXTENDED;"
            " ALTER TABLE incidents_incidentwords RESET (toast_tuple_target)",
            migrations.RunSQL.noop,
        ),
    ]
