"""POST /auth/login and GET /auth/me: passwords, lockout after repeated failures, tokens."""

from __future__ import annotations

import logging
from typing import NoReturn

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.callers import address_of, caller_of, object_in, text_in
from shared import config, security_log, tokens
from shared.database import transaction
from shared.log import flat
from shared.services.user_service import UserService

logger = logging.getLogger("auth")

COUNT_FAILURE = """
    UPDATE users
    SET failed_attempts = failed_attempts + 1,
        locked_until = CASE WHEN failed_attempts + 1 >= %s THEN now() + interval '15 minutes' END
    WHERE username = %s
    RETURNING failed_attempts
"""


async def login(request: Request) -> JSONResponse:
    """Exchange username and password for a token; 401 when they are wrong, 423 while the account is locked."""
    body = await object_in(request)
    username, password = text_in(body, "username"), text_in(body, "password")
    return await run_in_threadpool(_log_in, username, password, client=address_of(request))


def me(request: Request) -> JSONResponse:
    """Give the claims of the caller's token."""
    return JSONResponse(caller_of(request).claims)


def _log_in(username: str, password: str, *, client: str) -> JSONResponse:
    with transaction(program="awe-api") as cursor:
        cursor.execute(
            "SELECT password_hash, role, failed_attempts, locked_until > now() FROM users WHERE username = %s",
            (username,),
        )
        row = cursor.fetchone()
    if row is None:
        _refuse(401, "invalid credentials", username=username, client=client, reason="unknown_user")
    password_hash, role, failed_attempts, is_locked = row
    if is_locked:
        _refuse(423, "account locked", username=username, client=client, reason="account_locked")
    if not UserService.check(password, password_hash):
        _count_failure(username, client=client)
        _refuse(401, "invalid credentials", username=username, client=client, reason="bad_password")
    if failed_attempts:
        _forget_failures(username)
    logger.info("auth login ok username=%s client=%s", username, client)
    security_log.record("login_ok", username=username, client=client)
    return JSONResponse(
        {
            "access_token": tokens.issue(username=username, role=role),
            "token_type": "bearer",
            "expires_in": config.current().token_seconds,
        }
    )


def _refuse(status: int, detail: str, *, username: str, client: str, reason: str) -> NoReturn:
    logger.warning("auth login failed username=%s client=%s reason=%s", flat(username), client, reason)
    security_log.record("login_failed", username=username, client=client, reason=reason)
    raise HTTPException(status, detail)


def _count_failure(username: str, *, client: str) -> None:
    limit = config.current().lockout_attempts
    with transaction(program="awe-api") as cursor:
        cursor.execute(COUNT_FAILURE, (limit, username))
        row = cursor.fetchone()
    if row is not None and row[0] >= limit:
        logger.error("auth account locked username=%s after %d failed attempts", username, row[0])
        security_log.record("account_locked", username=username, client=client, failed_attempts=row[0])


def _forget_failures(username: str) -> None:
    with transaction(program="awe-api") as cursor:
        cursor.execute("UPDATE users SET failed_attempts = 0, locked_until = NULL WHERE username = %s", (username,))
