"""Who may do what to an incident."""

from __future__ import annotations

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.incidents.errors import OthersReport, RoleRequired
from awe_incidents.incidents.models import BugReport


def check_may_triage(user: User) -> None:
    """Let operators change incidents and ask for runs.

    Raises: RoleRequired.
    """
    if not user.has_role(Role.OPERATOR):
        raise RoleRequired("this takes the role operator")


def check_may_file(user: User) -> None:
    """Let reporters and operators file bug reports.

    Raises: RoleRequired.
    """
    if not (user.has_role(Role.REPORTER) or user.has_role(Role.OPERATOR)):
        raise RoleRequired("filing a bug report takes the role reporter or operator")


def check_may_revise(user: User, report: BugReport) -> None:
    """Let a report's reporter and operators correct it.

    Raises: RoleRequired.
    """
    is_own = report.reporter_id == user.pk and user.has_role(Role.REPORTER)
    if not (is_own or user.has_role(Role.OPERATOR)):
        raise RoleRequired("only its reporter or an operator revises a bug report")


def check_may_attach(user: User, *, report: BugReport) -> None:
    """Let the reporter of a report add files to it.

    Raises: RoleRequired, OthersReport.
    """
    check_may_file(user)
    if report.reporter_id != user.pk:
        raise OthersReport(f"bug report {report.pk} is of somebody else; only its reporter adds files to it")
