"""People and API tokens at the desk, for administrators only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Case, QuerySet, When
from django.db.models.functions import Now
from django.http import HttpRequest

from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.accounts.operations import MAX_LIFETIME, issue_token, revoke_token, set_email, set_roles
from awe_incidents.accounts.roles import Role, Scope, scopes_of
from awe_incidents.triage.access import is_administrator
from awe_incidents.triage.base import DeskAdmin, display, time_column
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.fields import choices_field, number_field, text_field
from awe_incidents.triage.labels import KINDS
from awe_incidents.triage.steps import Asked, Shown, Step, StepForm

DEFAULT_DAYS = 90


class TokenForm(StepForm):
    """What the token is for, what it may do, and how long."""

    name = text_field(label="What it is for", max_length=100)
    scopes = choices_field(label="What it may do", choices=[])
    days = number_field(label="Days until it ends", min_value=1, max_value=MAX_LIFETIME.days, initial=DEFAULT_DAYS)

    def __init__(self, *args: Any, thing: User, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, **kwargs)
        allowed = [(scope.value, scope.value) for scope in Scope if scope in scopes_of(thing.roles)]
        self.fields["scopes"].choices = allowed  # type: ignore[attr-defined]  # a MultipleChoiceField


class RolesForm(StepForm):
    """The roles as they are, to be changed."""

    roles = choices_field(label="Roles", choices=[(role.value, role.value) for role in Role], required=False)
    because = text_field(label="Why", rows=3, max_length=2_000)

    def __init__(self, *args: Any, thing: User, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, initial={"roles": thing.roles}, **kwargs)


class EmailForm(StepForm):
    """The address as it is, to be changed."""

    email = text_field(label="Mail address (empty: nobody writes to them)", required=False, max_length=254)
    because = text_field(label="Why", rows=3, max_length=2_000)

    def __init__(self, *args: Any, thing: User, **kwargs: Any) -> None:
        super().__init__(*args, thing=thing, initial={"email": thing.email}, **kwargs)


class BecauseForm(StepForm):
    """Asks why."""

    because = text_field(label="Why", rows=3, max_length=2_000)


def _issue(asked: Asked) -> Shown:
    """Show the token's text on the answer to the POST itself: it is stored nowhere and cannot be shown again."""
    token = issue_token(
        user=asked.thing,
        name=asked.fields["name"],
        scopes={Scope(scope) for scope in asked.fields["scopes"]},
        expires_at=asked.at + timedelta(days=asked.fields["days"]),
        by=asked.by,
        at=asked.at,
    )
    return Shown("triage/token.html", "API token", {"token": token})


def _revoke(asked: Asked) -> str:
    token = revoke_token(token=asked.thing, by=asked.by, at=asked.at, because=asked.fields["because"])
    return f"Token {token.prefix} is revoked."


def _set_roles(asked: Asked) -> str:
    roles = [Role(role) for role in asked.fields["roles"]]
    user = set_roles(user=asked.thing, roles=roles, by=asked.by, at=asked.at, because=asked.fields["because"])
    return f"{user.username} has {', '.join(user.roles) or 'no role'}."


def _set_email(asked: Asked) -> str:
    user = set_email(user=asked.thing, by=asked.by, at=asked.at, **asked.fields)
    return f"{user.username} is written to at {user.email}." if user.email else f"Nobody writes to {user.username}."


class UserAdmin(DeskAdmin):
    """People, their roles and tokens."""

    for_administrators = True
    template = "triage/user.html"
    list_display = (
        "username",
        "role_words",
        "is_active",
        "is_staff",
        "is_superuser",
        time_column("last_login", description="Last sign-in"),
    )
    list_filter = ("is_active", "is_superuser")
    search_fields = ("username",)
    ordering = ("username",)
    steps: ClassVar = (
        Step(
            name="issue-token",
            title="Issue a token",
            explanation="Makes a token for the API. Its text is shown once, on the next page, and is nowhere stored.",
            form=TokenForm,
            may=is_administrator,
            is_offered=lambda user: bool(user.roles),
            carry_out=_issue,
        ),
        Step(
            name="roles",
            title="Change roles",
            explanation="Gives exactly these roles; tokens lose what the roles no longer allow.",
            form=RolesForm,
            may=is_administrator,
            is_offered=lambda user: True,
            carry_out=_set_roles,
        ),
        Step(
            name="email",
            title="Change the mail address",
            explanation="Notices go there, such as that of a break-glass to who may review it.",
            form=EmailForm,
            may=is_administrator,
            is_offered=lambda user: True,
            carry_out=_set_email,
        ),
    )

    def search(self, rows: QuerySet[User], term: str) -> QuerySet[User]:
        """Find by part of the name."""
        return rows.filter(username__icontains=term)

    @display(description="Roles")
    def role_words(self, user: User) -> str:
        """Show the roles."""
        return ", ".join(user.roles)

    def context(self, thing: User, request: HttpRequest) -> Mapping[str, Any]:
        """Show the person and their tokens."""
        tokens = tokens_with_state().filter(user=thing).order_by("-pk")[:100]
        return {
            "facts": [
                Fact("Name", thing.username),
                Fact("Roles", ", ".join(thing.roles) or "none"),
                Fact("Mail address", thing.email or "none"),
                Fact("Active", thing.is_active),
                Fact("May use the desk", thing.is_staff),
                Fact("Administers people and tokens", thing.is_superuser),
                Fact("Joined", thing.date_joined),
                Fact("Last sign-in", thing.last_login),
            ],
            "tokens": [(token, address(token), token_state(token)) for token in tokens],
        }


def tokens_with_state() -> QuerySet[ApiToken]:
    """Give all tokens, and whether each has expired by the clock that decides it: the database's."""
    return ApiToken.objects.annotate(has_expired=Case(When(expires_at__gt=Now(), then=False), default=True))


def token_state(token: Any) -> str:
    """Say whether a token from `tokens_with_state` still opens anything."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.has_expired else "usable"


class ApiTokenAdmin(DeskAdmin):
    """Tokens by their public prefix; what was stored of their text is a digest and is not shown."""

    for_administrators = True
    list_display = (
        "prefix",
        "name",
        "user",
        "state",
        "scope_words",
        time_column("expires_at", description="Ends"),
        time_column("last_used_at", description="Last used"),
    )
    search_fields = ("prefix",)
    search_help_text = "Prefix, as it stands in logs"
    steps: ClassVar = (
        Step(
            name="revoke",
            title="Revoke",
            explanation="Ends the token now. This cannot be taken back.",
            form=BecauseForm,
            may=is_administrator,
            is_offered=lambda token: token.revoked_at is None,
            carry_out=_revoke,
            is_grave=True,
        ),
    )

    def visible(self, user: User) -> QuerySet[ApiToken]:
        """Give the tokens with their people."""
        return tokens_with_state().select_related("user").defer("digest")

    def search(self, rows: QuerySet[ApiToken], term: str) -> QuerySet[ApiToken]:
        """Find by prefix, also by pasting a whole token (of which only the prefix is looked at)."""
        return rows.filter(prefix=term.removeprefix("awe_")[:8])

    @display(description="State", label=KINDS)
    def state(self, token: ApiToken) -> str:
        """Show whether it still opens anything."""
        return token_state(token)

    @display(description="Scopes")
    def scope_words(self, token: ApiToken) -> str:
        """Show what it may do."""
        return ", ".join(token.scopes)

    def context(self, thing: ApiToken, request: HttpRequest) -> Mapping[str, Any]:
        """Show the token's facts."""
        return {
            "facts": [
                Fact("State", token_state(thing), is_label=True),
                Fact("Name", thing.name),
                Fact("Person", thing.user.username, address(thing.user)),
                Fact("Prefix", thing.prefix),
                Fact("Scopes", ", ".join(thing.scopes)),
                Fact("Issued", thing.created_at),
                Fact("Ends", thing.expires_at),
                Fact("Last used", thing.last_used_at),
                Fact("Revoked", thing.revoked_at),
            ]
        }
