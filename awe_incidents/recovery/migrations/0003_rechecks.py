"""The checks that failed, run again after an execution; their answers are written once each."""

import django.db.models.deletion
from django.db import migrations, models

from awe_incidents.audit.guards import changeable_columns
from awe_incidents.recovery.guards import rule, unchanging, without_rule, without_unchanging

TABLE = "recovery_recheck"
ONCE = """
IF OLD.after IS NOT NULL THEN
  RAISE EXCEPTION 'the recheck of execution % has its answers', OLD.execution_id USING ERRCODE = 'check_violation';
END IF;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0012_run_checks"),
        ("recovery", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Recheck",
            fields=[
                (
                    "execution",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="recheck",
                        serialize=False,
                        to="recovery.execution",
                    ),
                ),
                ("before", models.JSONField()),
                ("after", models.JSONField(null=True)),
                ("requested_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="diagnostics.run"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("after__isnull", True), ("finished_at__isnull", True)),
                            models.Q(("after__isnull", False), ("finished_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="recheck_finished",
                    )
                ],
            },
        ),
        changeable_columns(TABLE, "after", "finished_at"),
        migrations.RunSQL(unchanging(TABLE, "after", "finished_at"), without_unchanging(TABLE)),
        migrations.RunSQL(rule(f"{TABLE}_once", TABLE, "UPDATE", ONCE), without_rule(f"{TABLE}_once", TABLE)),
    ]
