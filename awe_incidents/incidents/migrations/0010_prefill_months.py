"""Prefills are parted by month as their reports are, whose ids they bear."""

from django.db import migrations

from awe_incidents.growth.parting import part_by_month


class Migration(migrations.Migration):
    dependencies = [("incidents", "0009_prefills")]

    operations = [part_by_month("incidents_reportprefill")]
