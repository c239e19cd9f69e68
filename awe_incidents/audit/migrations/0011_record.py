"""Insert an entry and its texts by one call; a text needs no second look whether its entry is there."""

import django.db.models.deletion
from django.db import migrations, models

from awe_incidents.audit.recorder import record_function


class Migration(migrations.Migration):
    dependencies = [("audit", "0010_key_ranges")]

    operations = [
        record_function(),
        migrations.AlterField(
            model_name="disclosure",
            name="entry",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="disclosures",
                to="audit.entry",
            ),
        ),
    ]
