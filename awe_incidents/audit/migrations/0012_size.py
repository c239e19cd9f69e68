"""Refuse an entry that is larger than the signer reads, whoever inserts it."""

import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0011_record"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.LessThanOrEqual(
                    django.db.models.functions.text.Length("body"), models.Value(65535)
                ),
                name="entry_not_too_large",
            ),
        ),
    ]
