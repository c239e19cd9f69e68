"""Changes of accounts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from awe_incidents.accounts.addresses import network_of
from awe_incidents.accounts.errors import (
    AlreadyRevoked,
    EmailNotAllowed,
    LifetimeNotAllowed,
    NameNotAllowed,
    ScopeNotAllowed,
    TooManyTries,
    WrongPassword,
)
from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.accounts.roles import Role, Scope, scopes_of
from awe_incidents.accounts.secrets import NewToken, new_token
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.limits.chosen import give_back, spend

MAX_LIFETIME = timedelta(days=400)
REAUTHENTICATION = "reauthentication"  # its limit
LAST_USED_STEP = timedelta(minutes=1)  # so that reading costs no write


@transaction.atomic
def create_user(
    *, username: str, roles: Collection[Role], password: str | None, by: Actor, at: datetime, email: str = ""
) -> User:
    """Create a person with roles; without a password they come by token only, without an address nobody writes to them.

    Raises: NameNotAllowed, EmailNotAllowed.
    """
    user = User(username=User.normalize_username(username), is_staff=password is not None, email=_checked_email(email))
    user.roles = sorted({role.value for role in roles})
    user.set_password(password)
    _check_named(user)
    user.save(force_insert=True)
    private = {"email": user.email} if user.email else {}
    trail.record("user:created", subject=user, by=by, at=at, data={"roles": user.roles}, private=private)
    return user


@transaction.atomic
def set_email(*, user: User, email: str, by: Actor, at: datetime, because: str) -> User:
    """Give a person the address that notices go to; "" for none.

    Raises: EmailNotAllowed.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    user.email = _checked_email(email)
    user.save(update_fields=["email"])
    private = {"email": user.email} if user.email else {}
    trail.record("user:email_changed", subject=user, by=by, at=at, because=because, private=private)
    return user


def _checked_email(email: str) -> str:
    """Give an address as it is kept. Raises: EmailNotAllowed."""
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise EmailNotAllowed("this is no address that mail can go to, such as somebody@example.org") from None
    return email


@transaction.atomic
def set_roles(*, user: User, roles: Collection[Role], by: Actor, at: datetime, because: str) -> User:
    """Give a person exactly these roles."""
    user = User.objects.select_for_update().get(pk=user.pk)
    before, user.roles = user.roles, sorted({role.value for role in roles})
    user.save(update_fields=["roles"])
    trail.record(
        "user:roles_changed", subject=user, by=by, at=at, because=because, data={"before": before, "after": user.roles}
    )
    return user


@transaction.atomic
def issue_token(
    *, user: User, name: str, scopes: Collection[Scope], expires_at: datetime, by: Actor, at: datetime
) -> NewToken:
    """Make a token; its text is given here once and is nowhere stored.

    Raises: ScopeNotAllowed, LifetimeNotAllowed, NameNotAllowed.
    """
    if beyond := set(scopes) - scopes_of(user.roles):
        raise ScopeNotAllowed(f"the roles of {user.username} do not allow {', '.join(sorted(beyond))}")
    if not scopes:
        raise ScopeNotAllowed("a token needs at least one scope")
    if not at < expires_at <= at + MAX_LIFETIME:
        raise LifetimeNotAllowed(f"a token ends in the future, and within {MAX_LIFETIME.days} days")
    token = new_token()
    row = ApiToken(
        user=user,
        name=name,
        prefix=token.prefix,
        digest=token.digest,
        scopes=sorted(scopes),
        created_at=at,
        expires_at=expires_at,
    )
    _check_named(row)
    row.save(force_insert=True)
    trail.record(
        "token:issued",
        subject=row,
        by=by,
        at=at,
        data={"user": user.pk, "prefix": row.prefix, "scopes": row.scopes, "expires_at": trail.moment(expires_at)},
    )
    return token


@transaction.atomic
def revoke_token(*, token: ApiToken, by: Actor, at: datetime, because: str) -> ApiToken:
    """End a token now.

    Raises: AlreadyRevoked.
    """
    if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
        raise AlreadyRevoked(f"token {token.prefix} was revoked before")
    trail.record("token:revoked", subject=token, by=by, at=at, because=because, data={"prefix": token.prefix})
    token.refresh_from_db()
    return token


def reauthenticate(*, user: User, password: str, by: Actor, at: datetime, purpose: str) -> None:
    """See by the password that a person who came in before is there now; each try is recorded for itself.

    Raises: TooManyTries, WrongPassword, TrailUnavailable.
    """
    subject = f"{user.pk}/{network_of(by.address)}"
    verdict = spend(REAUTHENTICATION, subject=subject)  # before it is looked at, so that tries at once cannot all pass
    if verdict and not verdict.is_allowed:
        seconds = verdict.more_after_seconds
        raise TooManyTries(f"a wrong password was given too often; try again in {seconds} seconds")
    is_right = user.check_password(password)
    with transaction.atomic():  # kept whatever becomes of the change that it is asked for
        verb = "user:reauthenticated" if is_right else "user:reauthentication_refused"
        trail.record(verb, subject=user, by=by, at=at, data={"purpose": purpose})
    if not is_right:
        raise WrongPassword("this is not your password, so nothing was done")
    give_back(REAUTHENTICATION, subject=subject)


def _check_named(row: User | ApiToken) -> None:
    try:
        row.clean_fields(exclude={"password", "digest"})
        row.validate_unique()
    except ValidationError as error:
        raise NameNotAllowed(" ".join(error.messages)) from None


def note_token_use(*, token: ApiToken, at: datetime) -> None:
    """Keep when a token was last used, to the minute."""
    if token.last_used_at is None or at - token.last_used_at >= LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)
