from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0010_diagnosis_signatures"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["stack", "-id"],
                name="run_good",
                condition=Q(results_removed_at=None, state="finished") & ~Q(counts__has_key="fail"),
            ),
        ),
    ]
