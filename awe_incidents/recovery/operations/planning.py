"""The dry run: what an action would do to the target as it is now; nothing is changed, and nothing stored."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import psycopg
import structlog
from django.db import Error as OwnDatabaseError

from awe_incidents.accounts.models import User
from awe_incidents.recovery import policies
from awe_incidents.recovery.actions.base import Acting, Action, Step
from awe_incidents.recovery.actions.parameters import as_document, read_parameters
from awe_incidents.recovery.actions.registry import action as action_named
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.digest import Terms, digest_of
from awe_incidents.recovery.errors import (
    ActionNotApplicable,
    ParametersInvalid,
    RecoveryError,
    TargetUnreachable,
)
from awe_incidents.recovery.queries import last_successes
from diagnostics.errors import DiagnosticsError
from diagnostics.models import Stack
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.legible import legible
from diagnostics.queries import config_of, redactor_of, resolver_of
from diagnostics.redaction import Redactor
from diagnostics.stack import SecretUnavailable, StackConfig

MAY_BE_NAMES = {"email"}  # rules of the redactor whose finds may be the name of an account
KNOWN = "known-secret"  # the redactor's name for what it knows by value
OUT_OF_REACH = (ProbeFailure, CouldNotLook, SecretUnavailable, psycopg.Error, OSError)
TOLD = (RecoveryError, DiagnosticsError, OwnDatabaseError)  # what callers know

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An action for a target, with what it would do."""

    action: Action[Any]
    acting: Acting[Any]
    document: Mapping[str, Any]  # the parameters, whole
    plan: Mapping[str, Any]
    target: str

    @property
    def fingerprint(self) -> str:
        """Give the digest of the facts."""
        return digest_of(self.acting.facts)

    @property
    def seen(self) -> str:
        """Give the digest of what a person sees before they ask: another target or another plan has another one."""
        return digest_of({"facts": self.acting.facts, "plan": self.plan, "parameters": self.document})

    def steps(self) -> list[Step]:
        """Give the steps, titled as people see them in the plan."""
        shown = zip(self.action.steps(self.acting), self.plan["steps"], strict=True)
        return [replace(step, title=one["title"]) for step, one in shown]

    def terms(self, *, stack: Stack, requester: int, expires_at: str) -> Terms:
        """Give what a decision on this is bound to."""
        return Terms(
            stack=stack.name,
            action=self.action.slug,
            version=self.action.version,
            parameters=self.document,
            fingerprint=self.fingerprint,
            plan=self.plan,
            requester=requester,
            expires_at=expires_at,
        )


def plan_action(*, stack: Stack, slug: str, document: Any, user: User) -> Planned:
    """Look at the target and say what would be done.

    Raises: RoleRequired, UnknownAction, ParametersInvalid, ActionNotApplicable, TargetUnreachable, DescriptionOutdated,
    SecretUnreadable.
    """
    policies.check_may_request(user)
    redactor = redactor_of(stack)
    _check_holds_no_secret(redactor, document)
    with site_of(stack) as site:
        try:
            plan = planned(site, slug=slug, document=document)
            _ = plan.fingerprint, plan.seen  # what has no digest, such as a number that is none, is told here
        except TOLD:
            raise
        except Exception as error:  # whatever an action or a library says may quote a secret of the stack
            trace = redactor.text(traceback.format_exc()).text
            log.error("an action could not be planned", stack=stack.name, action=slug, trace=trace)
            raise TargetUnreachable(f"it could not be planned ({type(error).__name__}); the log says why") from None
    _check_facts(redactor, plan)
    return plan


def _check_holds_no_secret(redactor: Redactor, document: Any) -> None:
    """Refuse parameters with a secret in them: they are kept as they are, as approvals are bound to them."""
    entries = document.items() if isinstance(document, Mapping) else ()
    found = [name for name, value in entries if set(redactor.text(str(value)).receipt.counts) - MAY_BE_NAMES]
    if found:
        told = "This looks like a secret, and parameters are kept and shown; give a reference to it, or leave it out."
        raise ParametersInvalid([(redactor.text(str(name)).text[:100], told) for name in found])


def _check_facts(redactor: Redactor, plan: Planned) -> None:
    """Refuse to keep and show facts with a secret of the stack in them; redacted, the target were not known again."""
    if KNOWN in redactor.text(json.dumps(plan.acting.facts, default=str)).receipt.counts:
        raise ActionNotApplicable(f"what {plan.action.slug} notes of this target holds a secret of the stack")


@contextmanager
def site_of(stack: Stack) -> Iterator[Site]:
    """Open the ways to a stack.

    Raises: DescriptionOutdated, SecretUnreadable.
    """
    redactor = redactor_of(stack)
    past = partial(last_successes, stack_id=stack.pk)
    site = Site(config_of(stack), resolver_of(stack), lambda text: legible(redactor.text(text).text), past)
    try:
        yield site
    finally:
        site.close()


def planned(site: Site, *, slug: str, document: Any) -> Planned:
    """Plan at an open site; the same facts give the same plan.

    Raises: UnknownAction, ParametersInvalid, ActionNotApplicable, TargetUnreachable.
    """
    action = action_named(slug)
    parameters = read_parameters(action.parameters, document)
    _check_applicable(action, site.stack, parameters)
    with looking(site.clean):
        acting = Acting(site, parameters, _all_legible(action.fingerprint(site, parameters)))
        plan, steps = action.plan(acting), action.steps(acting)
    shown = {
        "title": action.title,
        "steps": [{"key": step.key, "title": site.clean(step.title)} for step in steps],
        "destroys": [site.clean(text) for text in plan.destroys],
        "way_back": site.clean(plan.way_back),
        "warnings": [site.clean(text) for text in plan.warnings],
    }
    target = action.target(site.stack, parameters)
    return Planned(action=action, acting=acting, document=as_document(parameters), plan=shown, target=target)


def _all_legible(value: Any) -> Any:
    """Give JSON whose texts can be stored and have a digest: names of others, as of processes, are any bytes."""
    match value:
        case str():
            return legible(value)
        case Mapping():
            return {legible(name): _all_legible(one) for name, one in value.items()}
        case list():
            return [_all_legible(one) for one in value]
        case tuple():
            return tuple(_all_legible(one) for one in value)
    return value


def _check_applicable(action: Action[Any], stack: StackConfig, parameters: Any) -> None:
    if why := action.not_applicable(stack, parameters):
        raise ActionNotApplicable(why)


@contextmanager
def looking(clean: Callable[[str], str]) -> Iterator[None]:
    """Say in one way, and redacted, that a target does not answer or has nothing to do.

    Raises: TargetUnreachable, ActionNotApplicable.
    """
    try:
        yield
    except (ActionNotApplicable, TargetUnreachable) as refusal:
        raise type(refusal)(clean(str(refusal))) from None
    except OUT_OF_REACH as error:
        said = " ".join(clean(str(error)).split())
        raise TargetUnreachable(f"the target could not be looked at: {said[:500]}") from None
