"""Make the trail append-only in the database itself."""

from django.db import migrations

from awe_incidents.audit.guards import append_only, refuse_change_function


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        refuse_change_function(),
        append_only("audit_entry"),
        append_only("audit_disclosure", deletable=True),  # an erasure deletes the text behind a commitment
    ]
