"""Reads of diagnostics."""

from __future__ import annotations

import time
import zlib
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import Q, QuerySet, Value

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.seeing import Earlier
from diagnostics.errors import UnknownStack
from diagnostics.looking import LookRequest
from diagnostics.looking.redacting import stack_redactor
from diagnostics.models import CheckBaseline, CheckResult, EvidenceText, Run, Stack
from diagnostics.redaction import Redactor
from diagnostics.sealing import unseal
from diagnostics.stack import SecretResolver, StackConfig, parse_document
from diagnostics.states import ResultProgress

REDACTOR_KEPT_SECONDS = 300


def seconds(number: float) -> Value:
    """Give a duration for arithmetic with the database's clock."""
    return Value(timedelta(seconds=number))


def stack_named(name: str) -> Stack:
    """Give the stack of this name.

    Raises: UnknownStack.
    """
    try:
        return Stack.objects.get(name=name)
    except Stack.DoesNotExist:
        raise UnknownStack(f"there is no stack {name!r}; `manage.py apply_stack FILE` describes one") from None


def config_of(stack: Stack) -> StackConfig:
    """Give a stored stack in typed form."""
    return parse_document(stack.document)


def looking_on(stack_id: int) -> int:
    """Count the checks that are being carried out on a stack now."""
    return CheckResult.objects.filter(progress=ResultProgress.LOOKING, run__stack_id=stack_id).count()


def look_request(row: CheckResult) -> LookRequest:
    """Gather what a look needs, secrets decrypted: it goes through a pipe to a child process, nowhere else."""
    run, stack = row.run, row.run.stack
    return LookRequest(
        slug=row.slug,
        stack=parse_document(run.document or stack.document),
        redaction_key=unseal(stack.redaction_key),
        stored_secrets=_stored_secrets(stack),
        handed={one.name: unseal(one.ciphertext).decode() for one in run.handovers.all()},
        earlier=earlier_result(row),
        baseline=baseline_of(stack, row.slug),
    )


def redactor_of(stack: Stack) -> Redactor:
    """Give the redactor for text about a stack: its key, and the secrets of it that this process can reveal.

    Kept for some minutes, or until the description or a stored secret changes, as making one and warming its automata
    costs more than a report does.
    """
    return _redactor(stack, stack.digest, stack.secrets_set_at, int(time.monotonic() // REDACTOR_KEPT_SECONDS))


@lru_cache(maxsize=64)
def _redactor(stack: Stack, digest: str, secrets_set_at: datetime | None, period: int) -> Redactor:
    # Stacks are equal by their keys, so what else makes another redactor stands beside them.
    config, stored = parse_document(stack.document), _stored_secrets(stack)
    revealed = SecretResolver(config.root, stored).revealed(config.secret_references())
    values = {**{f"db:{name}": value for name, value in stored.items()}, **revealed}
    return stack_redactor(config, key=unseal(stack.redaction_key), secrets=values)


def _stored_secrets(stack: Stack) -> dict[str, str]:
    return {one.name: unseal(one.ciphertext).decode() for one in stack.secrets.all()}


def earlier_result(row: CheckResult) -> Earlier | None:
    """Give how this check ended when it last looked at the stack, in a run before this one."""
    before = (
        CheckResult.objects.filter(
            Q(run__stack_id=row.run.stack_id), slug=row.slug, progress=ResultProgress.STORED, run_id__lt=row.run_id
        )
        .exclude(state="skip")
        .order_by("-run_id")
        .values_list("state", "code", "started_at")
        .first()
    )
    if before is None:
        return None
    state, code, started_at = before
    return Earlier(state, code, started_at) if started_at else None


def baseline_of(stack: Stack, slug: str) -> Baseline:
    """Give what is usual for a check on a stack."""
    values = CheckBaseline.objects.filter(stack=stack, slug=slug).values_list("values", flat=True).first()
    return Baseline(values or {})


def evidence_text(sha256: str) -> str:
    """Give the redacted text stored under a digest."""
    return zlib.decompress(EvidenceText.objects.get(pk=sha256).compressed).decode()


def runs_of(stack: Stack) -> QuerySet[Run]:
    """Give the runs of a stack, newest first."""
    return Run.objects.filter(stack=stack).order_by("-id")
