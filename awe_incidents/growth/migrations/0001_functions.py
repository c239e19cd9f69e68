"""The functions of tables that are parted by month."""

from django.db import migrations

from awe_incidents.growth.functions import create_all, drop_all


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_guards")]

    operations = [migrations.RunSQL(create_all(), drop_all())]
