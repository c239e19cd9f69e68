"""Pictures, and what zlib made, do not get smaller; trying costs more than storing them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("incidents", "0011_retention")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTERNAL",
            f"ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTENDED",
        )
        for table in ("incidents_attachmentcontent", "incidents_attachmentoriginal")
    ]
