"""The password of the account that logs in was reset to something else."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.errors import ComposeFailed
from deploy.awe.compose.stack import wait_for
from deploy.awe.process.client import PROBE
from tests.faults.fault import Fault


def reset(stack: ComposeStack, password: str) -> None:
    program = (
        f"from shared.services.user_service import UserService; UserService.reset_password({PROBE!r}, {password!r})"
    )
    stack.exec(stack.settings.names.api, ["python", "-c", program])


def inject(stack: ComposeStack) -> None:
    reset(stack, "changed-by-someone")


def is_broken(stack: ComposeStack) -> bool:
    client = stack.client()
    body = {"username": PROBE, "password": stack.secret("PROBE_PASSWORD")}
    return client.post("/auth/login", body).status == 401


def heal(stack: ComposeStack) -> None:
    def is_reset() -> bool:
        try:
            reset(stack, stack.secret("PROBE_PASSWORD"))
        except ComposeFailed:
            return False
        return True

    # A pooler whose database was down tries that again after 15 s only (pgbouncer: server_login_retry).
    assert wait_for(is_reset, seconds=40), "the password cannot be set back"


FAULT = Fault(
    slug="login-wrong-password",
    category="authentication",
    title="the password of the account that logs in was reset to something else",
    causes=("login_credentials_wrong",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="accounts",
)
