"""Files of what was done by hand."""

import django.db.models.deletion
from django.db import migrations, models

from awe_incidents.audit.guards import append_only


class Migration(migrations.Migration):
    dependencies = [("recovery", "0008_journal"), ("incidents", "0016_attachments_of_others")]

    operations = [
        migrations.CreateModel(
            name="ManualAttachment",
            fields=[
                (
                    "attachment",
                    models.OneToOneField(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="manual",
                        serialize=False,
                        to="incidents.attachment",
                    ),
                ),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attached",
                        to="recovery.manualaction",
                    ),
                ),
            ],
        ),
        append_only("recovery_manualattachment"),
    ]
