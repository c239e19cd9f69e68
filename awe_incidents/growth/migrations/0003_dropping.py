"""The function that drops months whose rows are all gone."""

from django.db import migrations

from awe_incidents.growth.functions import DROPPING, create_all, drop_all


class Migration(migrations.Migration):
    dependencies = [("growth", "0002_walks")]

    operations = [migrations.RunSQL(create_all(DROPPING), drop_all(DROPPING))]
