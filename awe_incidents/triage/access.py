"""Who sees what at the desk, and as whom they act: our roles decide, rows of Django's permissions never do."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from awe_incidents.accounts.addresses import client_address
from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import SCOPES_OF, Role, Scope
from awe_incidents.actor import Actor

EVERYBODY = frozenset(Role)
AUDITORS = frozenset(role for role in Role if Scope.AUDIT_READ in SCOPES_OF[role])  # who may read the trail, as by HTTP


def has_any_role(user: User | AnonymousUser, roles: Collection[Role]) -> bool:
    """Say whether a person has one of these roles; a superuser without roles has none."""
    return isinstance(user, User) and any(user.has_role(role) for role in roles)


def is_administrator(user: User | AnonymousUser) -> bool:
    """Say whether a person administers people and tokens; it lets them see nothing else."""
    return isinstance(user, User) and user.is_active and user.is_superuser


def person_of(request: HttpRequest) -> User:
    """Give who is signed in; the desk's site has made sure that there is somebody."""
    assert isinstance(request.user, User)
    return request.user


def actor_of(request: HttpRequest) -> Actor:
    """Give the actor behind a request of the desk."""
    user = person_of(request)
    return Actor(kind="user", name=user.username, user_id=user.pk, address=client_address(request.META))
