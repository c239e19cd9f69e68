"""A step is titled as its plan says, however many files or services that names."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recovery", "0014_affected_by_any_name")]

    operations = [migrations.AlterField("executionstep", "title", models.TextField())]
