"""One look: a check against a stack, in this process, whatever happens in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from diagnostics.checks.base import Check
from diagnostics.checks.baseline import Baseline
from diagnostics.checks.registry import check
from diagnostics.checks.result import Finding, Result, State, only_finding
from diagnostics.checks.seeing import Earlier, Seeing
from diagnostics.checks.surroundings import WORKER
from diagnostics.looking.redacting import stack_redactor
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.stack import SecretResolver, SecretUnavailable, StackConfig

VANTAGE = WORKER  # of a look that did not come about


@dataclass(frozen=True, slots=True)
class LookRequest:
    """Everything a look needs; crosses the process boundary, never the broker."""

    slug: str
    stack: StackConfig
    redaction_key: bytes = field(repr=False)
    stored_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    handed: Mapping[str, str] = field(default_factory=dict, repr=False)
    earlier: Earlier | None = None
    baseline: Baseline = field(default_factory=Baseline)

    @property
    def deadline_seconds(self) -> float:
        """Give how long the look may take."""
        return check(self.slug).deadline_seconds


@dataclass(frozen=True, slots=True)
class Look:
    """What came of it: the result, secrets for dependants of the same run, and good values for later runs."""

    result: Result
    handing: Mapping[str, str] = field(default_factory=dict, repr=False)
    learning: Mapping[str, float] = field(default_factory=dict)


def take_look(request: LookRequest) -> Look:
    """Look here and now; every failure of the look itself becomes the result `error`."""
    started_at = datetime.now(UTC)
    try:
        return _look(request)
    except Exception as error:  # of the redactor, say: then nothing that it says may be shown, here or on stderr
        one, finding = check(request.slug), _broken_check(f"the look itself failed: {type(error).__name__}")
        return Look(only_finding(check=one.slug, version=one.version, finding=finding, at=started_at, vantage=VANTAGE))


def _look(request: LookRequest) -> Look:
    one, started_at, began = check(request.slug), datetime.now(UTC), time.monotonic()
    if reason := one.not_applicable(request.stack):
        finding = Finding(state=State.SKIP, code="not_applicable", message=reason)
        return Look(only_finding(check=one.slug, version=one.version, finding=finding, at=started_at, vantage=VANTAGE))
    seeing = _seeing(request, ends_at=began + one.deadline_seconds)
    with closing(seeing.surroundings):
        findings = _findings(one, seeing)
    result = Result(
        check=one.slug,
        version=one.version,
        findings=findings,
        evidence=tuple(seeing.kept),
        started_at=started_at,
        duration_ms=round((time.monotonic() - began) * 1000),
        vantage=seeing.surroundings.vantage,
    )
    result = replace(result, prerequisite=result.leading.prerequisite)
    is_good = result.state in {State.PASS, State.WARN}  # else what is wrong would become what is usual
    return Look(result, dict(seeing.handing), dict(seeing.learning) if is_good else {})


def _findings(one: Check, seeing: Seeing) -> tuple[Finding, ...]:
    try:
        return tuple(one.look(seeing)) or (_broken_check("the check gave no finding"),)
    except (CouldNotLook, SecretUnavailable) as error:
        code = error.code if isinstance(error, CouldNotLook) else "secret_unavailable"
        target = error.target if isinstance(error, CouldNotLook) else ""
        return (Finding(state=State.ERROR, code=code, message=seeing.clean(str(error)), target=target),)
    except Exception as error:  # a bug in a check is an answer too, and must not stop the run
        return (_broken_check(f"the check itself failed: {type(error).__name__}: {seeing.clean(str(error))}"),)


def _broken_check(message: str) -> Finding:
    return Finding(state=State.ERROR, code="check.failed", message=message[:1000])


def _seeing(request: LookRequest, *, ends_at: float) -> Seeing:
    resolver = SecretResolver(request.stack.root, request.stored_secrets)
    return Seeing(
        slug=request.slug,
        stack=request.stack,
        redactor=stack_redactor(request.stack, key=request.redaction_key, secrets=_known_values(request, resolver)),
        resolver=resolver,
        ends_at=ends_at,
        earlier=request.earlier,
        baseline=request.baseline,
        handed=request.handed,
    )


def _known_values(request: LookRequest, resolver: SecretResolver) -> dict[str, str]:
    """Collect every secret value that could stand in what is captured."""
    return {
        **{f"db:{name}": value for name, value in request.stored_secrets.items()},
        **resolver.revealed(request.stack.secret_references()),
        **{f"run:{name}": value for name, value in request.handed.items()},
    }
