"""Who calls: the token of a request, its claims, its address, its body."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

import jwt
from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared import security_log, tokens
from shared.log import flat, one_line

logger = logging.getLogger("auth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A caller with a valid token."""

    claims: dict[str, Any]
    token: str = field(repr=False)


def caller_of(request: Request) -> Caller:
    """Verify the bearer token of a request.

    Raises: HTTPException 401.
    """
    header = request.headers.get("authorization", "")
    if not header.lower().startswith("bearer "):
        raise HTTPException(401, "not authenticated")
    token = header[len("bearer ") :]
    try:
        return Caller(claims=tokens.verify(token), token=token)
    except jwt.InvalidTokenError as error:
        path, client = flat(request.url.path), address_of(request)
        logger.warning("auth token rejected client=%s path=%s reason=%s", client, path, one_line(error))
        security_log.record(
            "token_rejected", client=client, path=path, reason=one_line(error), alg=_algorithm_of(token)
        )
        raise HTTPException(401, f"invalid token: {error}") from None


def _algorithm_of(token: str) -> str:
    """Give the algorithm that a token claims: `none` is somebody trying whether anything is believed."""
    try:
        return flat(str(jwt.get_unverified_header(token).get("alg", "-")))[:20]
    except jwt.InvalidTokenError:
        return "-"


def address_of(request: Request) -> str:
    """Give the client's address."""
    return request.client.host if request.client else "-"


async def object_in(request: Request) -> dict[str, Any]:
    """Read the body, which must be a JSON object.

    Raises: HTTPException 422.
    """
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(422, "the body must be a JSON object")
    return body


def text_in(body: dict[str, Any], name: str) -> str:
    """Give a field that must be text; one that is absent is empty.

    Raises: HTTPException 422.
    """
    value = body.get(name, "")
    if not isinstance(value, str) or "\0" in value:
        raise HTTPException(422, f"{name} must be text")
    return value
