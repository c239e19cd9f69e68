"""The api issues tokens that live one second: every request after login is rejected as expired."""

from __future__ import annotations

import time

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from tests.faults.doing import apply_service, edit_service, health, restore_service, status_of
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    edit_service(stack, names.api, environment={"ACCESS_TOKEN_EXPIRE_SECONDS": "1"})
    apply_service(stack, names.api)
    assert wait_for(lambda: health(stack, names.api) == "healthy", seconds=60)


def is_broken(stack: ComposeStack) -> bool:
    token = stack.token()
    time.sleep(2.2)
    return status_of(stack, "/auth/me", token=token) == 401


def heal(stack: ComposeStack) -> None:
    restore_service(stack, stack.settings.names.api)


FAULT = Fault(
    slug="jwt-expired",
    category="authentication",
    title="the api issues tokens that live one second: every request after login is rejected as expired",
    causes=("token_lifetime_too_short",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="api",
)
