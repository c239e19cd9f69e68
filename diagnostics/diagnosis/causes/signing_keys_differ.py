"""A token that one service issues is refused by another: the secret was changed in one place only."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign
from diagnostics.diagnosis.observed import Observation


def _stack(seen: Observation) -> str:
    return "the verifier"  # keys belong to the stack, not to one service


CAUSE = Cause(
    slug="signing_keys_differ",
    title="Services sign and verify with different keys",
    category="authentication",
    severity="critical",
    sentence="The services of the stack hold different token keys, so that {subject} refuses tokens of the others.",
    signs=(
        Sign("signature.keys_differ", 0.95, subject=_stack),
        Sign("signature.invalid", 0.6, subject=_stack),
        Sign("login.token_rejected", 0.4, subject=_stack),
    ),
    explains=(
        "login.token_rejected",
        "login.protected_failed",
        "queue.*",
        "tasks.*",
        "runs.failing",
        "security.*",
        "signature.*",
    ),
    explains_everywhere=("login.token_rejected", "tasks.*", "runs.failing", "queue.*"),
    remedy=(
        "See which services differ in the evidence of `auth.token_signature`, which has fingerprints and never keys.",
        "Find out which key is the right one, most often that of the service that issues tokens.",
        (
            "Give all services that key from one place, and restart them: "
            "`docker compose up -d --force-recreate SERVICE` or `systemctl restart UNIT`."
        ),
        "Have people log in anew where the issuer's key was changed, as older tokens are refused from then on.",
        "Look again: `auth.token_signature` and `auth.login_probe` must pass.",
    ),
    actions=("jwt.rotate",),
)
