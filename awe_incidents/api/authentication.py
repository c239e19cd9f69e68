"""Bearer tokens: who is asking, and as which actor they act."""

from __future__ import annotations

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from awe_incidents.accounts import operations, queries
from awe_incidents.accounts.addresses import client_address
from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.actor import Actor

REFUSED = "the token is not valid: unknown, expired or revoked; an administrator issues one with manage.py create_token"


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer awe_...`"""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Give the person and the token.

        Raises: AuthenticationFailed.
        """
        scheme, _, value = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            text = value.strip().decode("ascii")
        except UnicodeDecodeError:
            raise AuthenticationFailed(REFUSED) from None
        token = queries.usable_token(text)
        if token is None:
            raise AuthenticationFailed(REFUSED)
        operations.note_token_use(token=token, at=timezone.now())
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Give what WWW-Authenticate says (RFC 6750, section 3)."""
        challenge = 'Bearer realm="awe-incidents"'
        return f'{challenge}, error="invalid_token"' if get_authorization_header(request) else challenge


def actor_of(request: Request) -> Actor:
    """Give the actor behind an authenticated request."""
    user = person_of(request)
    return Actor(
        kind="user",
        name=user.username,
        user_id=user.pk,
        token_prefix=request.auth.prefix if isinstance(request.auth, ApiToken) else "",
        address=client_address(request.META),
    )


def person_of(request: Request) -> User:
    """Give who is asking; permissions have made sure that there is somebody."""
    assert isinstance(request.user, User)
    return request.user
