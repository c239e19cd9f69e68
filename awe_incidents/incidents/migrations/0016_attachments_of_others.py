"""Attachments may belong to something of a layer above, which points at them from there."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0015_stack_watches")]

    operations = [
        migrations.AlterField(
            model_name="attachment",
            name="report",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attachments",
                to="incidents.bugreport",
            ),
        ),
        migrations.AddField(
            model_name="attachment",
            name="incident",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="incidents.incident",
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(("report", None), ("incident", None), _connector="OR"),
                name="attachment_incident",
            ),
        ),
    ]
