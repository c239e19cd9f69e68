"""Try accounts and tokens at the stack's login, as its users do: every call is one attempt."""

from __future__ import annotations

import json
from typing import Any

from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.http import Answer, RequestFailure, request
from diagnostics.stack import Login, StackConfig

REQUEST_SECONDS = 10.0
NOT_ANSWERED_BY_IT = {404, 408, 425}  # of those from 400 on: whoever stands before it may say so while it starts


class LoginRefused(Exception):
    """The account was refused; another attempt might lock it. The message says how the login answered."""


def login_of(stack: StackConfig) -> Login:
    """Give the description of the login. Raises: ActionNotApplicable."""
    if stack.login is None:
        raise ActionNotApplicable(f"stack {stack.name} describes no [login]")
    return stack.login


def log_in(site: Site, *, username: str, password: str) -> Answer:
    """Try to log in, once. Raises: RequestFailure."""
    body = {"username": username, "password": password}
    return _asked(site, "POST", login_of(site.stack).path, json=body)


def token_in(site: Site, answer: Answer) -> str | None:
    """Give the token of a login's answer, None where it gave none."""
    if not 200 <= answer.status < 300:
        return None
    try:
        found: Any = json.loads(answer.body)
        for name in login_of(site.stack).token_field.split("."):
            found = found[name]
    except (ValueError, TypeError, KeyError):
        return None
    return found if isinstance(found, str) and found else None


def probe_token(site: Site) -> str | None:
    """Log in with the account of the login check and give its token, None while nobody answers.

    Raises: LoginRefused, SecretUnavailable.
    """
    login = login_of(site.stack)
    try:
        answer = log_in(site, username=login.username, password=site.resolver.reveal(login.password))
    except RequestFailure:
        return None
    if 400 <= answer.status < 500 and answer.status not in NOT_ANSWERED_BY_IT:
        raise LoginRefused(f"{login.path} answered {answer.status} to {login.username}")
    return token_in(site, answer)


def is_accepted(site: Site, token: str) -> bool | None:
    """Say whether the protected path takes a token; None where that does not show, as nobody answers."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = _asked(site, "GET", login_of(site.stack).protected_path, headers=headers)
    except RequestFailure:
        return None
    if 200 <= answer.status < 300:
        return True
    return False if answer.status in {401, 403} else None


def _asked(site: Site, method: str, path: str, **more: Any) -> Answer:
    endpoint = site.stack.endpoints[login_of(site.stack).endpoint]
    tls = site.stack.tls[endpoint.tls] if endpoint.tls else None
    return request(endpoint, tls, method, path, total_seconds=REQUEST_SECONDS, **more)
