"""Who may do what to a request, and how many it takes (pure but for the person who asks)."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from enum import IntEnum

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.recovery.errors import (
    AffectedUser,
    IncidentRequired,
    NotRequester,
    OwnBreakGlass,
    OwnRequest,
    ReasonRequired,
    RoleRequired,
    StackNotNamed,
)

TIME_TO_LIVE = timedelta(hours=1)  # from the request on; what is not claimed by then never starts
BREAK_GLASS_TIME = timedelta(minutes=15)  # to the claim; what is urgent does not wait for longer
REVIEW_TIME = timedelta(hours=24)
MAX_BREAK_GLASS = 3  # of one person in REVIEW_TIME, reviewed or not


class Tier(IntEnum):
    """How much an action may destroy, and so who has to agree."""

    LOOKS = 0
    ONE_OPERATOR = 1
    FOUR_EYES = 2
    FOUR_EYES_AND_BACKUP = 3  # also typed: the stack's name; and a fresh verified backup, which the action prechecks


def approvals_needed(tier: Tier) -> int:
    """Give how many people besides the requester have to approve."""
    return 1 if tier >= Tier.FOUR_EYES else 0


def check_may_request(user: User) -> None:
    """Let operators ask, plan, cancel, and record what was done by hand. Raises: RoleRequired."""
    _check_role(user, Role.OPERATOR, "asking for a recovery action")


def check_may_withdraw(user: User, *, requester_id: int) -> None:
    """Let the requester take a request back. Raises: RoleRequired."""
    check_may_request(user)
    if user.pk != requester_id:
        raise RoleRequired("a request is withdrawn by whoever made it; an approver can deny it")


def check_may_fetch_secret(user: User, *, requester_id: int) -> None:
    """Let who asked for an action have what it made for them. Raises: RoleRequired, NotRequester."""
    check_may_request(user)
    if user.pk != requester_id:
        raise NotRequester("this was made for who asked for the action, and is shown to nobody else")


def check_may_attach(user: User, *, recorded_by: int) -> None:
    """Let who recorded a manual action add files to it. Raises: RoleRequired."""
    check_may_request(user)
    if user.pk != recorded_by:
        raise RoleRequired("files are added to a manual action by whoever recorded it; record another one")


def check_may_decide(user: User, *, requester_id: int, affected_user: str) -> None:
    """Let approvers decide on what others asked for, and what is not done to themselves.

    Raises: RoleRequired, OwnRequest, AffectedUser.
    """
    _check_role(user, Role.APPROVER, "deciding on a request")
    if user.pk == requester_id:
        raise OwnRequest("you asked for this; another person decides on it, whatever token is used")
    _check_not_affected(user, affected_user)


def check_stack_named(tier: Tier, *, typed: str, stack_name: str) -> None:
    """Demand the typed name of the stack where everything on it may be lost. Raises: StackNotNamed."""
    if tier >= Tier.FOUR_EYES_AND_BACKUP and typed != stack_name:
        raise StackNotNamed(f"this may destroy all data of a stack; type its name, {stack_name}")


def check_may_break_glass(user: User, *, incident_id: int | None) -> None:
    """Let responders go past the approval for an incident. Raises: RoleRequired, IncidentRequired."""
    _check_role(user, Role.RESPONDER, "breaking the glass")
    if incident_id is None:
        raise IncidentRequired("a break-glass is for an incident; make a request that names it")


def check_may_review(user: User, *, broken_by: int, requester_id: int, affected_user: str) -> None:
    """Let approvers review what others did, and not to them. Raises: RoleRequired, OwnBreakGlass, AffectedUser."""
    _check_role(user, Role.APPROVER, "reviewing a break-glass")
    if user.pk in {broken_by, requester_id}:
        raise OwnBreakGlass("you had a part in this; another person reviews it")
    _check_not_affected(user, affected_user)


def check_may_declare_window(user: User) -> None:
    """Let approvers say when what they approve may start. Raises: RoleRequired."""
    _check_role(user, Role.APPROVER, "declaring or closing a maintenance window")


def check_reason(because: str) -> str:
    """Give the reason. Raises: ReasonRequired."""
    if not because.strip():
        raise ReasonRequired("say why; the trail keeps it")
    return because.strip()


def is_affected(user: User, affected_user: str) -> bool:
    """Say whether an account of a stack goes by this person's name or mail address, however it is written.

    The database's `recovery_is_affected` says the same.
    """
    return _folded(affected_user) in {_folded(user.username), _folded(user.email)} - {""}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def _check_not_affected(user: User, affected_user: str) -> None:
    if is_affected(user, affected_user):
        raise AffectedUser("this is about your own account; another person decides on it")


def _check_role(user: User, role: Role, what: str) -> None:
    if not user.has_role(role):  # being a superuser gives none
        raise RoleRequired(f"{what} takes the role {role}")
