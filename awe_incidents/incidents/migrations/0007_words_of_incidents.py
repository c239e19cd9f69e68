"""Words of incidents, for search, joining and the lists of reporters; rows of before get theirs."""

from itertools import islice

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from awe_incidents.incidents.template import SECTIONS, TemplateFields
from awe_incidents.incidents.vectors import profile_of_report, vector_of

CHUNK = 500
# Out of the row, words leave it narrow for those who find it by an index and do not read them.
NARROW = """
ALTER TABLE incidents_incidentwords ALTER COLUMN words SET STORAGE EXTERNAL;
ALTER TABLE incidents_incidentwords SET (toast_tuple_target = 128);
"""


def fill(apps, schema_editor):
    words = apps.get_model("incidents", "IncidentWords")
    incidents, reports = apps.get_model("incidents", "Incident"), apps.get_model("incidents", "BugReport")
    led = set()

    def row(incident, report_id, person_id, said):
        is_lead = incident.state in ("open", "acknowledged") and incident.pk not in led
        led.add(incident.pk)
        return words(
            incident_id=incident.pk,
            report_id=report_id,
            stack_id=incident.stack_id,
            person_id=person_id,
            opened_at=incident.opened_at,
            is_lead=is_lead,
            words=vector_of(said, profile_of_report(said), stack_id=incident.stack_id),
        )

    def said_in(text):
        return TemplateFields(**{name: getattr(text, name) for name in SECTIONS})

    filed = reports.objects.select_related("incident", "current").order_by("id").iterator(CHUNK)
    rows = (row(one.incident, one.pk, one.reporter_id, said_in(one.current or one)) for one in filed)
    while chunk := list(islice(rows, CHUNK)):
        words.objects.bulk_create(chunk)
    without = incidents.objects.exclude(pk__in=words.objects.values("incident_id")).iterator(CHUNK)
    rows = (row(one, None, one.opened_by_id, TemplateFields(actual_behavior=one.title)) for one in without)
    while chunk := list(islice(rows, CHUNK)):
        words.objects.bulk_create(chunk)


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0005_months"),
        ("incidents", "0006_attachments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="IncidentWords",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("report_id", models.BigIntegerField(null=True)),
                ("opened_at", models.DateTimeField()),
                ("is_lead", models.BooleanField(default=False)),
                ("words", django.contrib.postgres.search.SearchVectorField()),
                (
                    "incident",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="words",
                        to="incidents.incident",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "stack",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="diagnostics.stack",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "words of incidents",
                "indexes": [
                    models.Index(fields=["incident", "person"], name="words_of_incident"),
                    models.Index(fields=["person", "-opened_at", "-incident"], name="words_of_person"),
                    models.Index(
                        condition=models.Q(("is_lead", True)), fields=["stack", "-incident"], name="words_leading"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["words"], gin_pending_list_limit=256, name="words_searched"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("is_lead", True)),
                        fields=["words"],
                        gin_pending_list_limit=256,
                        name="words_compared",
                    ),
                ],
            },
        ),
        migrations.RunSQL(NARROW, migrations.RunSQL.noop),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
