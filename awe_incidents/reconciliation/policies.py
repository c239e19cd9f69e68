"""Who may settle an alarm (pure but for the person who asks)."""

from __future__ import annotations

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.reconciliation.errors import OwnAlarm
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.recovery.errors import RoleRequired


def check_may_settle(user: User, alarm: Alarm) -> None:
    """Let approvers settle what others had a part in. Raises: RoleRequired, OwnAlarm."""
    if not user.has_role(Role.APPROVER):  # being a superuser gives none
        raise RoleRequired(f"settling an alarm takes the role {Role.APPROVER}")
    request = alarm.request
    if request is None:
        return
    review = getattr(request, "review", None)  # a related row that may be missing
    if user.pk in {request.requester_id, review and review.broken_by_id}:
        raise OwnAlarm("you had a part in what this alarm is about; another person settles it")
