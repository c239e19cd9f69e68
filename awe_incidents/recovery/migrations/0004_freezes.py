"""Freezes and maintenance windows, and the database's own word on what waits for them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from awe_incidents.audit.guards import changeable_columns
from awe_incidents.recovery.guards import rule, unchanging, without_rule, without_unchanging

# ruff: noqa: S608  our own words
REFUSED = "USING ERRCODE = 'check_violation'"
FREEZE, WINDOW, EXECUTION = "recovery_freeze", "recovery_maintenancewindow", "recovery_execution"
CHANGEABLE = {
    FREEZE: ("lifted_at", "lifted_by_id", "lifted_because"),
    WINDOW: ("closed_at", "closed_by_id", "closed_because"),
}
# One truth for whoever asks: the rule below, the worker, the sweeper, and what plans show. "" is: nothing.
WAITS_FOR = """
CREATE FUNCTION recovery_waits_for(of_stack bigint, of_tier integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  utc timestamp := clock_timestamp() AT TIME ZONE 'UTC';
  frozen recovery_freeze%ROWTYPE;
  is_open boolean;
  opens_in numeric;
BEGIN
  SELECT * INTO frozen FROM recovery_freeze
  WHERE stack_id = of_stack AND from_tier <= of_tier AND lifted_at IS NULL
    AND starts_at <= clock_timestamp() AND ends_at > clock_timestamp()
  ORDER BY ends_at DESC LIMIT 1;
  IF FOUND THEN
    RETURN format('the stack is frozen until %s UTC (freeze %s)',
                  to_char(frozen.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), frozen.id);
  END IF;
  IF of_tier < 2 THEN
    RETURN '';
  END IF;
  SELECT bool_or(since < minutes * 60), min(604800 - since) INTO is_open, opens_in FROM (
    SELECT minutes, mod(extract(epoch FROM utc - date_trunc('week', utc)) + 604800
                        - (weekday - 1) * 86400 - extract(epoch FROM opens_at), 604800) AS since
    FROM recovery_maintenancewindow WHERE stack_id = of_stack AND closed_at IS NULL) AS declared;
  IF is_open IS NULL OR is_open THEN  -- none is declared, or one is open
    RETURN '';
  END IF;
  RETURN format('the next maintenance window opens at %s UTC',
                to_char(utc + opens_in * interval '1 second', 'YYYY-MM-DD HH24:MI'));
END $$;
"""
# Whoever starts something or freezes waits for the stack's row first, so that the two do not pass each other.
WAIT_RULE = f"""
DECLARE asked recovery_recoveryrequest%ROWTYPE; why text;
BEGIN
  IF NEW.state = OLD.state OR NEW.state NOT IN ('claimed', 'running') THEN RETURN NEW; END IF;
  IF EXISTS (SELECT FROM recovery_review WHERE request_id = NEW.request_id) THEN RETURN NEW; END IF;
  SELECT * INTO asked FROM recovery_recoveryrequest WHERE id = NEW.request_id;
  PERFORM FROM diagnostics_stack WHERE id = asked.stack_id FOR NO KEY UPDATE;
  why := recovery_waits_for(asked.stack_id, asked.tier);
  IF why <> '' THEN
    RAISE EXCEPTION 'execution % waits: %', NEW.id, why {REFUSED};
  END IF;
END;
"""
SET_RULE = f"""
PERFORM FROM diagnostics_stack WHERE id = NEW.stack_id FOR NO KEY UPDATE;
IF NEW.{{ended}} IS NOT NULL THEN
  RAISE EXCEPTION 'it is taken back after it was set' {REFUSED};
END IF;
"""
END_RULE = f"""
IF OLD.{{ended}} IS NOT NULL THEN
  RAISE EXCEPTION 'it was taken back before' {REFUSED};
END IF;
"""
RULES = (
    (f"{EXECUTION}_wait", EXECUTION, "UPDATE", WAIT_RULE),
    (f"{FREEZE}_set", FREEZE, "INSERT", SET_RULE.format(ended="lifted_at")),
    (f"{WINDOW}_set", WINDOW, "INSERT", SET_RULE.format(ended="closed_at")),
    (f"{FREEZE}_end", FREEZE, "UPDATE", END_RULE.format(ended="lifted_at")),
    (f"{WINDOW}_end", WINDOW, "UPDATE", END_RULE.format(ended="closed_at")),
)


class Migration(migrations.Migration):
    dependencies = [
        ("diagnostics", "0011_good_runs"),
        ("recovery", "0003_rechecks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Freeze",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_tier", models.PositiveSmallIntegerField(default=0)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("because", models.TextField()),
                ("set_at", models.DateTimeField()),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_because", models.TextField(default="")),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "stack",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="freezes",
                        to="diagnostics.stack",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["stack", "-id"], name="freeze_of_stack")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("from_tier__lte", 3)), name="freeze_tier"),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="freeze_ends"
                    ),
                    models.CheckConstraint(condition=models.Q(("because", ""), _negated=True), name="freeze_reason"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lifted_at", None), ("lifted_because", ""), ("lifted_by", None)),
                            models.Q(
                                ("lifted_at__isnull", False),
                                ("lifted_by__isnull", False),
                                models.Q(("lifted_because", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="freeze_lifted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MaintenanceWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("weekday", models.PositiveSmallIntegerField()),
                ("opens_at", models.TimeField()),
                ("minutes", models.PositiveSmallIntegerField()),
                ("because", models.TextField()),
                ("declared_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_because", models.TextField(default="")),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "stack",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="maintenance_windows",
                        to="diagnostics.stack",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["stack", "-id"], name="window_of_stack")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("weekday__gte", 1), ("weekday__lte", 7)), name="window_weekday"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("minutes__gte", 1), ("minutes__lte", 10080)), name="window_minutes"
                    ),
                    models.CheckConstraint(condition=models.Q(("because", ""), _negated=True), name="window_reason"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at", None), ("closed_because", ""), ("closed_by", None)),
                            models.Q(
                                ("closed_at__isnull", False),
                                ("closed_by__isnull", False),
                                models.Q(("closed_because", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="window_closed",
                    ),
                ],
            },
        ),
        *(changeable_columns(table, *columns) for table, columns in CHANGEABLE.items()),
        *(
            migrations.RunSQL(unchanging(table, *columns), without_unchanging(table))
            for table, columns in CHANGEABLE.items()
        ),
        migrations.RunSQL(WAITS_FOR, "DROP FUNCTION recovery_waits_for(bigint, integer)"),
        *(
            migrations.RunSQL(rule(name, table, when, body), without_rule(name, table))
            for name, table, when, body in RULES
        ),
    ]
