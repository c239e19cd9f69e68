"""Results and evidence are parted by month."""

import django.db.models.deletion
from django.db import migrations, models

import awe_incidents.monthly
from awe_incidents.growth.parting import part_by_month


class Migration(migrations.Migration):
    dependencies = [("diagnostics", "0004_run_starts"), ("growth", "0001_functions")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[part_by_month("diagnostics_checkresult", "diagnostics_evidence")],
            state_operations=[
                migrations.AlterField(
                    model_name="checkresult",
                    name="id",
                    field=awe_incidents.monthly.MonthlyId(primary_key=True, serialize=False),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="id",
                    field=awe_incidents.monthly.MonthlyId(primary_key=True, serialize=False),
                ),
                migrations.AlterField(
                    model_name="evidence",
                    name="result",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="evidence",
                        to="diagnostics.checkresult",
                    ),
                ),
            ],
        )
    ]
