"""Roles of people and scopes of tokens: which role may hold which scope (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """What a person does here; one person may have several."""

    REPORTER = "reporter"
    OPERATOR = "operator"
    APPROVER = "approver"
    RESPONDER = "responder"  # may go past an approval in an emergency; reviewed afterwards
    AUDITOR = "auditor"


class Scope(StrEnum):
    """What a token may be used for; a token never exceeds the roles of its person."""

    REPORTS_READ = "reports:read"
    REPORTS_WRITE = "reports:write"
    INCIDENTS_READ = "incidents:read"
    INCIDENTS_WRITE = "incidents:write"
    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    STACKS_READ = "stacks:read"
    RECOVERY_READ = "recovery:read"
    RECOVERY_REQUEST = "recovery:request"
    RECOVERY_APPROVE = "recovery:approve"
    RECOVERY_BREAK_GLASS = "recovery:break-glass"
    AUDIT_READ = "audit:read"


_FILING = frozenset({Scope.REPORTS_READ, Scope.REPORTS_WRITE, Scope.INCIDENTS_READ, Scope.RUNS_READ, Scope.STACKS_READ})
_READING = frozenset(scope for scope in Scope if scope.endswith(":read")) - {Scope.AUDIT_READ}
SCOPES_OF: dict[Role, frozenset[Scope]] = {
    Role.REPORTER: _FILING,
    Role.OPERATOR: _FILING | {Scope.INCIDENTS_WRITE, Scope.RUNS_WRITE, Scope.RECOVERY_READ, Scope.RECOVERY_REQUEST},
    Role.APPROVER: _READING | {Scope.RECOVERY_APPROVE},
    Role.RESPONDER: _READING | {Scope.RECOVERY_BREAK_GLASS},
    Role.AUDITOR: _READING | {Scope.AUDIT_READ},
}
SEE_EVERYTHING = frozenset({Role.OPERATOR, Role.APPROVER, Role.RESPONDER, Role.AUDITOR})


def scopes_of(roles: Iterable[str]) -> frozenset[Scope]:
    """Give every scope that these roles allow."""
    return frozenset(scope for role in roles for scope in SCOPES_OF[Role(role)])


def sees_everything(roles: Iterable[str]) -> bool:
    """Say whether these roles read all incidents; a mere reporter reads own ones only."""
    return not SEE_EVERYTHING.isdisjoint(roles)
