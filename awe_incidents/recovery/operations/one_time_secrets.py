"""Secrets that an action makes for its requester: sealed before they count, shown once, gone afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.recovery import policies
from awe_incidents.recovery.errors import SecretGone, TransitionNotAllowed
from awe_incidents.recovery.models import OneTimeSecret, RecoveryRequest
from awe_incidents.recovery.operations.claiming import WORKER
from awe_incidents.recovery.operations.holding import Held
from awe_incidents.recovery.operations.moving import database_now, free_request, held_request, record
from awe_incidents.recovery.states import ExecutionState, SecretState
from diagnostics.errors import SecretUnreadable
from diagnostics.sealing import SealBroken, seal, unseal

TIME_TO_FETCH = timedelta(hours=1)


def seal_secret(held: Held, secret: str) -> None:
    """Keep the one secret of an execution for its requester, before what makes it valid is done.

    Raises: LeaseLost, IntegrityError (the execution has one).
    """
    with held.writing(ExecutionState.RUNNING, ExecutionState.CANCELLING) as (execution, request):
        expires_at = database_now() + TIME_TO_FETCH
        OneTimeSecret.objects.create(execution=execution, ciphertext=seal(secret.encode()), expires_at=expires_at)
        until = trail.moment(expires_at)
        at = timezone.now()
        record("execution:secret_sealed", request, by=WORKER, at=at, execution=execution.pk, expires_at=until)


@transaction.atomic
def show_secret(*, request: RecoveryRequest, user: User, by: Actor, at: datetime) -> str:
    """Give the secret of a request's execution to who asked for it, once; with this it is gone here.

    Raises: RoleRequired, NotRequester, TransitionNotAllowed (there is none, or not yet), SecretGone, SealBroken.
    """
    request = held_request(request.pk)
    policies.check_may_fetch_secret(user, requester_id=request.requester_id)
    kept = _kept(request)
    if kept is None or not kept.counts:
        raise TransitionNotAllowed(f"request {request.pk} has made no secret, or not yet")
    if kept.state != SecretState.SEALED or kept.ciphertext is None or kept.expires_at <= database_now():
        what = "was shown before" if kept.state == SecretState.SHOWN else "was not fetched in time"
        raise SecretGone(f"the secret of request {request.pk} {what}; ask for the action anew")
    secret = _unsealed(kept.ciphertext)
    _empty(kept, SecretState.SHOWN, shown_to=user)
    request.execution = kept.execution
    record("execution:secret_shown", request, by=by, at=at, execution=kept.execution_id)
    return secret


@transaction.atomic
def expire_secret(*, request_id: int, by: Actor, at: datetime) -> bool:
    """Forget a secret that nobody fetched in time; say whether this did."""
    request = free_request(request_id)
    kept = _kept(request) if request else None
    if request is None or kept is None or kept.state != SecretState.SEALED or kept.expires_at > database_now():
        return False
    _empty(kept, SecretState.EXPIRED)
    request.execution = kept.execution
    because = "nobody fetched it in time"
    record("execution:secret_expired", request, by=by, at=at, because=because, execution=kept.execution_id)
    return True


def _kept(request: RecoveryRequest) -> OneTimeSecret | None:
    secrets = OneTimeSecret.objects.select_for_update(of=("self",)).select_related("execution")
    return secrets.filter(execution__request=request).first()


def _unsealed(ciphertext: bytes | memoryview) -> str:
    try:
        return unseal(ciphertext).decode()
    except SealBroken as broken:
        raise SecretUnreadable(str(broken)) from None


def _empty(kept: OneTimeSecret, state: SecretState, *, shown_to: User | None = None) -> None:
    OneTimeSecret.objects.filter(pk=kept.pk).update(state=state, ciphertext=None, shown_to=shown_to)
