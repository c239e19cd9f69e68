"""Reads of diagnostics."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.monthly import made_since
from diagnostics.checks.baseline import Baseline
from diagnostics.checks.seeing import Earlier
from diagnostics.diagnosis.changes import Before
from diagnostics.diagnosis.diagnosis import diagnose
from diagnostics.diagnosis.observed import Observed
from diagnostics.errors import DescriptionOutdated, SecretUnreadable, UnknownStack
from diagnostics.looking import CaptureRequest, LookRequest
from diagnostics.looking.redacting import stack_redactor
from diagnostics.models import (
    WITHOUT_FAILURE,
    CheckBaseline,
    CheckResult,
    Diagnosis,
    Evidence,
    EvidenceText,
    Run,
    Stack,
    StackSchedule,
    StackSecret,
)
from diagnostics.redaction import Redactor
from diagnostics.sealing import SealBroken, unseal
from diagnostics.stack import Mark, SecretResolver, StackConfig, StackInvalid, freshness, parse_document
from diagnostics.states import ResultProgress, RunState

REDACTOR_KEPT_SECONDS = 300
EARLIER_GOOD_RUNS = 10  # in which a check may have looked: suites differ
MAX_CITED_LINES = 30  # of one span
EARLIER_RUNS = 50  # that are looked through for how a check ended before


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


def config_of(stack: Stack, *, document: Mapping[str, Any] | None = None) -> StackConfig:
    """Give a stored stack in typed form, or as an earlier document of it says.

    Raises: DescriptionOutdated.
    """
    try:
        return parse_document(document or stack.document)
    except StackInvalid as invalid:
        raise DescriptionOutdated(
            f"the stored description of stack {stack.name} is not valid any more ({invalid}); "
            "mend its stack.toml and apply it again with `manage.py apply_stack FILE`"
        ) from None


def looking_on(stack_id: int) -> int:
    """Count the checks that are being carried out on a stack now."""
    recent = CheckResult.objects.filter(made_since(timezone.now()))
    return recent.filter(progress=ResultProgress.LOOKING, run__stack_id=stack_id).count()


def results_of(run: Run) -> QuerySet[CheckResult]:
    """Give the results of a run; months before it are not looked at."""
    return CheckResult.objects.filter(made_since(run.requested_at), run=run)


def look_request(row: CheckResult) -> LookRequest:
    """Gather what a look needs, secrets decrypted: it goes through a pipe to a child process, nowhere else."""
    run, stack = row.run, row.run.stack
    return LookRequest(
        slug=row.slug,
        stack=config_of(stack, document=run.document),
        redaction_key=_redaction_key(stack),
        stored_secrets=_stored_secrets(stack),
        handed={one.name: unseal(one.ciphertext).decode() for one in run.handovers.all()},
        earlier=earlier_result(row),
        baseline=baseline_of(stack, row.slug),
    )


def capture_request(stack: Stack, *, name: str, until: datetime) -> CaptureRequest:
    """Gather what a capture needs, secrets decrypted: it goes through a pipe to a child process, nowhere else.

    Raises: DescriptionOutdated, SecretUnreadable.
    """
    return CaptureRequest(
        name=name,
        stack=config_of(stack),
        until=until,
        redaction_key=_redaction_key(stack),
        stored_secrets=_stored_secrets(stack),
    )


def redactor_of(stack: Stack, *, also: Sequence[str] = ()) -> Redactor:
    """Give the redactor for text about a stack: its key, and the secrets of it that this process can reveal.

    Kept for some minutes, or until the description or a secret changes, as making one and warming its automata costs
    more than a report does; one that knows further secrets (`also`) is made for its caller alone.
    Raises: DescriptionOutdated, SecretUnreadable.
    """
    config, period = _config(stack, stack.digest), int(time.monotonic() // REDACTOR_KEPT_SECONDS)
    marks = tuple(freshness(reference, root=config.root) for reference in config.secret_references())
    if also:
        further = {f"new/{number}": value for number, value in enumerate(also)}
        return stack_redactor(config, key=_redaction_key(stack), secrets={**_revealed(stack, config), **further})
    return _redactor(stack, stack.digest, stack.secrets_set_at, marks, period)


@lru_cache(maxsize=64)
def _config(stack: Stack, digest: str) -> StackConfig:
    # Stacks are equal by their keys, so what else makes another description or redactor stands beside them.
    return config_of(stack)


@lru_cache(maxsize=64)
def _redactor(
    stack: Stack, digest: str, secrets_set_at: datetime | None, marks: tuple[Mark, ...], period: int
) -> Redactor:
    config = _config(stack, digest)
    return stack_redactor(config, key=_redaction_key(stack), secrets=_revealed(stack, config))


def _revealed(stack: Stack, config: StackConfig) -> dict[str, str]:
    resolver = resolver_of(stack)
    revealed = resolver.revealed(config.secret_references())
    return {**{f"db:{name}": value for name, value in resolver.stored.items()}, **revealed}


def resolver_of(stack: Stack) -> SecretResolver:
    """Give what reveals the secrets of a stack in this process.

    Raises: DescriptionOutdated, SecretUnreadable.
    """
    return SecretResolver(_config(stack, stack.digest).root, _stored_secrets(stack))


def _stored_secrets(stack: Stack) -> dict[str, str]:
    return {one.name: _unsealed_secret(stack, one) for one in stack.secrets.all()}


def _unsealed_secret(stack: Stack, secret: StackSecret) -> str:
    try:
        return unseal(secret.ciphertext).decode()
    except SealBroken as broken:
        again = f"or store it again with `manage.py set_stack_secret {stack.name} {secret.name}`"
        raise SecretUnreadable(f"stack {stack.name}, secret db:{secret.name}: {broken}, {again}") from None


def _redaction_key(stack: Stack) -> bytes:
    try:
        return unseal(stack.redaction_key)
    except SealBroken as broken:
        raise SecretUnreadable(f"stack {stack.name}, redaction key: {broken}") from None


def earlier_result(row: CheckResult) -> Earlier | None:
    """Give how this check ended when it last looked at the stack, in one of the runs before this one.

    Only in the newest of them: what is older says nothing, and a check that never looked must not cost all there are.
    """
    runs = Run.objects.filter(stack=row.run.stack_id, pk__lt=row.run_id).order_by("-pk")[:EARLIER_RUNS]
    known = dict(runs.values_list("pk", "requested_at"))
    if not known:
        return None
    before = (
        CheckResult.objects.filter(
            made_since(min(known.values())), run__in=known, slug=row.slug, progress=ResultProgress.STORED
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


def cited_lines(run: Run, spans: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Give the lines of evidence that spans of a run's diagnosis name, of each the first so many."""
    spans = list(spans)
    seen = Evidence.objects.filter(made_since(run.requested_at), result__in=results_of(run))
    pieces = seen.filter(result__slug__in={span["check"] for span in spans})
    texts = {(check, key): sha256 for check, key, sha256 in pieces.values_list("result__slug", "key", "text_id")}
    for span in spans:
        if sha256 := texts.get((span["check"], span["evidence"])):
            first = span["first_line"] - 1
            yield from evidence_text(sha256).split("\n")[first : min(span["last_line"], first + MAX_CITED_LINES)]


def runs_of(stack: Stack) -> QuerySet[Run]:
    """Give the runs of a stack, newest first."""
    return Run.objects.filter(stack=stack).order_by("-id")


def due_schedules() -> QuerySet[StackSchedule]:
    """Give the schedules whose time has come by the database's clock and of which no run goes, longest due first."""
    going = Run.objects.filter(stack=OuterRef("stack"), is_scheduled=True).exclude(state=RunState.FINISHED)
    return StackSchedule.objects.filter(~Exists(going), due_at__lte=Now()).order_by("due_at")


def diagnosis_of(run: Run) -> dict[str, Any] | None:
    """Give a run's diagnosis; while it goes, that of the results so far; None for one that finished without.

    Raises: DescriptionOutdated.
    """
    if run.state == RunState.FINISHED:
        kept = Diagnosis.objects.filter(run=run).values_list("document", flat=True).first()
        return dict(kept) if kept else None
    return diagnosed(run, list(results_of(run).filter(progress=ResultProgress.STORED).order_by("slug")))


def diagnosed(run: Run, rows: Sequence[CheckResult]) -> dict[str, Any]:
    """Say what results of a run mean, in the form of diagnosis/diagnosis.py.

    Raises: DescriptionOutdated.
    """
    stack = config_of(run.stack, document=run.document)
    return diagnose(Observed.of_stored(map(_as_read, rows), stack=stack), _before(run, stack)).as_json()


def _before(run: Run, stack: StackConfig) -> Before | None:
    """Give what each check saw in the newest run before this one in which nothing failed; None without such a run."""
    good = Run.objects.filter(stack=run.stack_id, pk__lt=run.pk).filter(WITHOUT_FAILURE).order_by("-pk")
    runs = dict(good.values_list("pk", "requested_at")[:EARLIER_GOOD_RUNS])
    if not runs:
        return None
    found = CheckResult.objects.filter(made_since(min(runs.values())), run__in=runs, progress=ResultProgress.STORED)
    newest = list(found.exclude(state__in=["skip", "error"]).order_by("slug", "-run_id").distinct("slug"))
    seen_at = {row.slug: row.started_at.isoformat() for row in newest if row.started_at}
    return Before(Observed.of_stored(map(_as_read, newest), stack=stack).observations, seen_at)


def _as_read(row: CheckResult) -> dict[str, Any]:
    return {
        "check": row.slug,
        "state": row.state,
        "code": row.code,
        "message": row.message,
        "prerequisite": row.prerequisite,
        "next_checks": row.next_checks,
        "findings": row.findings,
    }
