"""Say when things may start on a stack: freezes, in which nothing does, and maintenance windows."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django.db import transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents.reports import cleaned_text
from awe_incidents.recovery import policies
from awe_incidents.recovery.errors import AlreadyLifted, TimesNotAllowed
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.operations.moving import database_now
from diagnostics.models import Stack

MAX_FREEZE = timedelta(days=90)
WEEK_MINUTES = 7 * 24 * 60


@transaction.atomic
def freeze_stack(
    *,
    stack: Stack,
    starts_at: datetime | None,
    ends_at: datetime,
    from_tier: int,
    user: User,
    by: Actor,
    at: datetime,
    because: str,
) -> Freeze:
    """Let nothing of this tier or above start on a stack for a time; `starts_at` None is now.

    Raises: RoleRequired, ReasonRequired, TimesNotAllowed.
    """
    policies.check_may_request(user)
    now = database_now()
    starts_at = max(starts_at or now, now)
    if not starts_at < ends_at <= starts_at + MAX_FREEZE:
        raise TimesNotAllowed(f"a freeze ends after it begins, not in the past, and within {MAX_FREEZE.days} days")
    because = cleaned_text(policies.check_reason(because), stack=stack)
    freeze = Freeze.objects.create(
        stack=stack, from_tier=from_tier, starts_at=starts_at, ends_at=ends_at, person=user, because=because, set_at=at
    )
    told = {"starts_at": trail.moment(starts_at), "ends_at": trail.moment(ends_at), "from_tier": from_tier}
    trail.record("freeze:set", subject=freeze, by=by, at=at, because=because, data={"stack": stack.pk, **told})
    return freeze


@transaction.atomic
def lift_freeze(*, freeze: Freeze, user: User, by: Actor, at: datetime, because: str) -> Freeze:
    """End a freeze early; what waited for it starts within seconds.

    Raises: RoleRequired, ReasonRequired, AlreadyLifted.
    """
    policies.check_may_request(user)
    because = cleaned_text(policies.check_reason(because), stack=freeze.stack)
    now = database_now()
    open_ones = Freeze.objects.filter(pk=freeze.pk, lifted_at=None, ends_at__gt=now)
    if not open_ones.update(lifted_at=now, lifted_by=user, lifted_because=because):
        raise AlreadyLifted(f"freeze {freeze.pk} was lifted before, or has ended")
    trail.record("freeze:lifted", subject=freeze, by=by, at=at, because=because, data={"stack": freeze.stack_id})
    freeze.refresh_from_db()
    return freeze


@transaction.atomic
def declare_window(
    *, stack: Stack, weekday: int, opens_at: time, minutes: int, user: User, by: Actor, at: datetime, because: str
) -> MaintenanceWindow:
    """Declare a window of the week (UTC, 1 is Monday): with the first, what takes four eyes starts in windows only.

    Raises: RoleRequired, ReasonRequired, TimesNotAllowed.
    """
    policies.check_may_declare_window(user)
    if not (1 <= weekday <= 7 and 1 <= minutes <= WEEK_MINUTES):
        raise TimesNotAllowed(f"a window opens on a weekday from 1 (Monday) to 7, for 1 to {WEEK_MINUTES:,} minutes")
    because = cleaned_text(policies.check_reason(because), stack=stack)
    window = MaintenanceWindow.objects.create(
        stack=stack,
        weekday=weekday,
        opens_at=opens_at,
        minutes=minutes,
        person=user,
        because=because,
        declared_at=at,
    )
    told = {"weekday": weekday, "opens_at": f"{opens_at:%H:%M}", "minutes": minutes}
    trail.record(
        "maintenance_window:declared", subject=window, by=by, at=at, because=because, data={"stack": stack.pk, **told}
    )
    return window


@transaction.atomic
def close_window(*, window: MaintenanceWindow, user: User, by: Actor, at: datetime, because: str) -> MaintenanceWindow:
    """Take a window back; with the last one, what takes four eyes starts at any time again.

    Raises: RoleRequired, ReasonRequired, AlreadyLifted.
    """
    policies.check_may_declare_window(user)
    because = cleaned_text(policies.check_reason(because), stack=window.stack)
    open_ones = MaintenanceWindow.objects.filter(pk=window.pk, closed_at=None)
    if not open_ones.update(closed_at=database_now(), closed_by=user, closed_because=because):
        raise AlreadyLifted(f"maintenance window {window.pk} was closed before")
    data = {"stack": window.stack_id}
    trail.record("maintenance_window:closed", subject=window, by=by, at=at, because=because, data=data)
    window.refresh_from_db()
    return window
