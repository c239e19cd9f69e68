"""What an action made for its requester's eyes, at the desk: how it stands, and showing it once, on a POST alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery import policies
from awe_incidents.recovery.models import OneTimeSecret, RecoveryRequest
from awe_incidents.recovery.operations import show_secret
from awe_incidents.recovery.queries import secret_shown_at
from awe_incidents.recovery.states import SecretState
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.labels import moment
from awe_incidents.triage.recovery_shown import execution_of
from awe_incidents.triage.recovery_steps import may_ask, refusal_of
from awe_incidents.triage.steps import Asked, DecisionForm, Shown, Step


@dataclass(frozen=True, slots=True)
class SecretStanding:
    """How a secret stands: its state, and what that means for whom."""

    state: SecretState
    words: str


def secret_standing(request: RecoveryRequest, *, now: datetime) -> SecretStanding | None:
    """Say how the secret of a request stands; None where it has none."""
    kept = _secret_of(request)
    if kept is None:
        return None
    if kept.state == SecretState.SHOWN:
        shown_at = secret_shown_at(kept.execution)
        who = kept.shown_to.username if kept.shown_to else "somebody"
        words = f"It was shown to {who} at {moment(shown_at)}, and is kept nowhere here."
        return SecretStanding(SecretState.SHOWN, words)
    until = moment(kept.expires_at)
    if kept.state == SecretState.EXPIRED or kept.expires_at <= now:
        return SecretStanding(SecretState.EXPIRED, f"Nobody fetched it until {until}, and it is gone. Ask anew.")
    who = request.requester.username
    if kept.counts:
        words = f"It waits for {who}, who asked for this, until {until}, and is shown to them once."
    else:
        words = f"It is shown to {who}, who asked for this, once the execution has ended and has had an effect."
    return SecretStanding(SecretState.SEALED, words)


def _secret_of(request: RecoveryRequest) -> OneTimeSecret | None:
    found: OneTimeSecret | None = getattr(execution_of(request), "secret", None)  # related rows that may be missing
    return found


def _is_to_be_shown(thing: Any) -> bool:
    kept, standing = _secret_of(thing), secret_standing(thing, now=timezone.now())
    return kept is not None and kept.counts and standing is not None and standing.state == SecretState.SEALED


def _why_not(thing: Any, user: User) -> str:
    refusal = refusal_of(lambda: policies.check_may_fetch_secret(user, requester_id=thing.requester_id))
    if refusal or _is_to_be_shown(thing):
        return refusal
    standing = secret_standing(thing, now=timezone.now())
    return standing.words if standing else f"Request {thing.pk} has made no secret, or not yet."


def _show(asked: Asked) -> Shown:
    request = asked.thing
    secret = show_secret(request=request, user=asked.user, by=asked.by, at=asked.at)
    facts = [
        Fact("Made by", request.action, address(request), note=f"request {request.pk}"),
        Fact("Stack", request.stack.name, address(request.stack)),
        Fact("Whose", request.terms.affected_user),
    ]
    return Shown("triage/secret.html", "One-time secret", {"secret": secret, "facts": facts})


SHOW_SECRET = Step(
    name="secret",
    title="Show the one-time secret",
    explanation="Shows what this made for you, once, on the next page. From then on it is kept nowhere here: neither"
    " the back button nor another visit brings it back, and the trail says that you were shown it.",
    form=DecisionForm,
    may=may_ask,
    is_offered=_is_to_be_shown,
    why_not=_why_not,
    carry_out=_show,
)
