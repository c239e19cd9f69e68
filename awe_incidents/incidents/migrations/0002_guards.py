"""Histories are append-only; of a bug report only its incident may change."""

from django.db import migrations

from awe_incidents.audit.guards import append_only, changeable_columns


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial"), ("audit", "0002_guards")]

    operations = [
        append_only("incidents_timelineentry"),
        changeable_columns("incidents_bugreport", "incident_id"),
    ]
