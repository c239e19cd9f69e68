"""Access tokens: JWT signed with the key that api and worker must share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from shared import config

ALGORITHM = "HS256"
ISSUER = "awe-api"


def issue(*, username: str, role: str) -> str:
    """Sign a token for a user; it lives `ACCESS_TOKEN_EXPIRE_SECONDS`."""
    settings, now = config.current(), datetime.now(UTC)
    claims = {
        "sub": username,
        "role": role,
        "iss": ISSUER,
        "iat": now,
        "exp": now + timedelta(seconds=settings.token_seconds),
    }
    return jwt.encode(claims, settings.jwt_secret_key, algorithm=ALGORITHM)


def verify(token: str) -> dict[str, Any]:
    """Give the claims of a token that is ours and still valid.

    Raises: jwt.InvalidTokenError.
    """
    return jwt.decode(token, config.current().jwt_secret_key, algorithms=[ALGORITHM], issuer=ISSUER)
