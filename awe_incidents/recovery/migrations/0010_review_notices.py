"""Notices of a break-glass by mail: one a person, along their table of states."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import awe_incidents.recovery.states
from awe_incidents.audit.guards import changeable_columns
from awe_incidents.recovery.guards import transitions, unchanging, without_transitions, without_unchanging
from awe_incidents.recovery.states import NOTICE_TRANSITIONS, NoticeState

TABLE = "recovery_reviewnotice"
CHANGEABLE = ("state", "tries", "ring_at", "lease_until", "settled_at", "outcome")
STATES = awe_incidents.recovery.states.NoticeState
FINAL = (STATES["SENT"], STATES["UNKNOWN"], STATES["FAILED"], STATES["NEEDLESS"])


class Migration(migrations.Migration):
    dependencies = [
        ("recovery", "0009_manual_attachments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReviewNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(default=STATES["WAITING"], max_length=16)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("ring_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("lease_until", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("outcome", models.CharField(default="", max_length=200)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="recovery.review",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", FINAL), _negated=True), fields=["ring_at"], name="notice_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("review", "person"), name="notice_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    STATES["WAITING"],
                                    STATES["SENDING"],
                                    STATES["SENT"],
                                    STATES["UNKNOWN"],
                                    STATES["FAILED"],
                                    STATES["NEEDLESS"],
                                ],
                            )
                        ),
                        name="notice_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", STATES["SENDING"]), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="notice_leased",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at__isnull", False), ("state__in", FINAL)),
                            models.Q(
                                models.Q(("state__in", FINAL), _negated=True),
                                ("settled_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="notice_settled",
                    ),
                ],
            },
        ),
        changeable_columns(TABLE, *CHANGEABLE),
        migrations.RunSQL(unchanging(TABLE, *CHANGEABLE), without_unchanging(TABLE)),
        migrations.RunSQL(
            transitions(TABLE, NOTICE_TRANSITIONS, first=NoticeState.WAITING), without_transitions(TABLE)
        ),
    ]
