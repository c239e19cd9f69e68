"""Reads of accounts."""

from __future__ import annotations

from django.db.models.functions import Now

from awe_incidents.accounts.models import ApiToken
from awe_incidents.accounts.roles import Scope, scopes_of
from awe_incidents.accounts.secrets import digest_of, has_token_form


def usable_token(text: str) -> ApiToken | None:
    """Give the token with its person, when it is neither revoked nor expired and the person is active.

    The database's clock decides, so that web servers whose clocks differ agree on when a token ends.
    """
    if not has_token_form(text):
        return None
    tokens = ApiToken.objects.select_related("user")
    return tokens.filter(digest=digest_of(text), revoked_at=None, expires_at__gt=Now(), user__is_active=True).first()


def usable_scopes(token: ApiToken) -> frozenset[Scope]:
    """Give what the token may do now: its scopes, cut down to the roles that its person still has."""
    return frozenset(Scope(scope) for scope in token.scopes) & scopes_of(token.user.roles)
