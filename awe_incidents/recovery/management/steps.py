"""What each step does: find out who asks, make the one domain call, and tell what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from awe_incidents.accounts.roles import Scope
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_incidents
from awe_incidents.recovery import operations, queries
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.actions.registry import action as action_named
from awe_incidents.recovery.management import documents, words
from awe_incidents.recovery.management.calling import Options, Telling, request_numbered, said, who_asks
from awe_incidents.recovery.management.ending import ENDED_OTHERWISE, REFUSED, WRONG_LINE
from awe_incidents.recovery.management.following import Follower, follow, while_following
from awe_incidents.recovery.management.identity import Who, ask
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.policies import Tier
from awe_incidents.recovery.states import FINAL_REQUESTS, ExecutionState, RequestState, ReviewState, ReviewVerdict
from diagnostics.queries import stack_named

MAX_TOLD = 200  # of a list; the newest
SHOWN_DIGITS = 8  # of a digest that is typed; who reads it sees all of it


def actions(options: Options, telling: Telling) -> None:
    """List the catalogue."""
    who_asks(options, Scope.RECOVERY_READ)
    for one in registry.all_actions().values():
        document = documents.action_document(one)
        telling.tell(document, words.of_action(document))


def plan(options: Options, telling: Telling) -> None:
    """Give a dry run."""
    who, stack = who_asks(options, Scope.RECOVERY_REQUEST), stack_named(options["stack"])
    planned = operations.plan_action(stack=stack, slug=options["action"], document=_parameters(options), user=who.user)
    document = documents.plan_document(planned, stack_id=stack.pk, stack_name=stack.name)
    telling.tell(document, words.of_plan(document))


def request(options: Options, telling: Telling) -> None:
    """Ask for an action."""
    who = who_asks(options, Scope.RECOVERY_REQUEST)
    with operations.noting_refusals(by=who.by, at=who.at):
        made = operations.request_action(
            stack=stack_named(options["stack"]),
            slug=options["action"],
            document=_parameters(options),
            incident=_incident(options["incident"], who),
            retry_of=request_numbered(options["retry_of"]) if options["retry_of"] else None,
            user=who.user,
            by=who.by,
            at=who.at,
            because=options["because"],
        )
    telling.tell_request(made.pk)


def approve(options: Options, telling: Telling) -> None:
    """Approve what was read, by somebody who is there."""
    who, found = who_asks(options, Scope.RECOVERY_APPROVE), request_numbered(options["request"])
    digest, typed = _digest(options, found, telling), _typed_stack(options, found)
    who.ask_password(purpose=f"approve recoveryrequest:{found.pk}")
    with operations.noting_refusals(by=who.by, at=who.at):
        operations.approve_request(request=found, digest=digest, typed_stack=typed, **said(who, options))
    telling.tell_request(found.pk)


def deny(options: Options, telling: Telling) -> None:
    """Deny it for good."""
    who, found = who_asks(options, Scope.RECOVERY_APPROVE), request_numbered(options["request"])
    digest = _digest(options, found, telling)
    who.ask_password(purpose=f"deny recoveryrequest:{found.pk}")
    operations.deny_request(request=found, digest=digest, **said(who, options))
    telling.tell_request(found.pk)


def withdraw(options: Options, telling: Telling) -> None:
    """Take an own request back."""
    who, found = who_asks(options, Scope.RECOVERY_REQUEST), request_numbered(options["request"])
    operations.withdraw_request(request=found, **said(who, options))
    telling.tell_request(found.pk)


def cancel(options: Options, telling: Telling) -> None:
    """Stop what is approved."""
    who, found = who_asks(options, Scope.RECOVERY_REQUEST), request_numbered(options["request"])
    operations.cancel_request(request=found, **said(who, options))
    telling.tell_request(found.pk)


def break_glass(options: Options, telling: Telling) -> None:
    """Go past the approval, by somebody who is there."""
    who, found = who_asks(options, Scope.RECOVERY_BREAK_GLASS), request_numbered(options["request"])
    typed = _typed_stack(options, found)
    who.ask_password(purpose=f"break-glass recoveryrequest:{found.pk}")
    with operations.noting_refusals(by=who.by, at=who.at):
        operations.break_glass(request=found, typed_stack=typed, **said(who, options))
    telling.tell_request(found.pk)


def review(options: Options, telling: Telling) -> None:
    """Review another person's break-glass."""
    who, found = who_asks(options, Scope.RECOVERY_APPROVE), request_numbered(options["request"])
    who.ask_password(purpose=f"review recoveryrequest:{found.pk}")
    operations.review_break_glass(
        request=found,
        verdict=ReviewVerdict(options["verdict"]),
        findings=options["findings"],
        user=who.user,
        by=who.by,
        at=who.at,
    )
    telling.tell_request(found.pk)


def status(options: Options, telling: Telling) -> None:
    """Show one request, or those that are open, wait for an approval, or have broken glass that nobody has reviewed."""
    who_asks(options, Scope.RECOVERY_READ)
    if options["request"]:
        telling.tell_request(request_numbered(options["request"]).pk)
        return
    found = queries.whole_requests()
    if options["due"]:
        found = found.filter(review__state=ReviewState.DUE)
    elif options["waiting"]:
        found = found.filter(state=RequestState.PENDING_APPROVAL)
    else:
        found = found.exclude(state__in=FINAL_REQUESTS)
    found = found.filter(stack=stack_named(options["stack"])) if options["stack"] else found
    for one in found.order_by("-pk")[:MAX_TOLD]:
        document = documents.request_document(one)
        telling.tell(document, words.line_of_request(document))


def follow_request(options: Options, telling: Telling) -> None:
    """Tell what happens until it ends."""
    who_asks(options, Scope.RECOVERY_READ)
    follower = Follower(request_numbered(options["request"]).pk, telling.tell)
    _check_well(follow(follower, seconds=options["seconds"]))


def execute(options: Options, telling: Telling) -> None:
    """Carry it out here, and tell of it meanwhile."""
    who, found = who_asks(options, Scope.RECOVERY_REQUEST), request_numbered(options["request"])

    def do() -> None:
        operations.execute_by_hand(request=found, user=who.user, by=who.by, at=who.at)

    _check_well(while_following(Follower(found.pk, telling.tell), do))


def probe(options: Options, telling: Telling) -> None:
    """Look what a lost worker did."""
    who, found = who_asks(options, Scope.RECOVERY_REQUEST), request_numbered(options["request"])
    operations.reconcile_by_hand(request=found, user=who.user, by=who.by, at=who.at)
    telling.tell_request(found.pk)


def resolve(options: Options, telling: Telling) -> None:
    """Say how it ended."""
    who, found = who_asks(options, Scope.RECOVERY_REQUEST), request_numbered(options["request"])
    operations.resolve_outcome(request=found, state=ExecutionState(options["state"]), **said(who, options))
    telling.tell_request(found.pk)


def _incident(number: int | None, who: Who) -> Incident | None:
    if number is None:
        return None
    found: Incident | None = visible_incidents(who.user).filter(pk=number).first()
    if found is None:
        raise CommandError(f"there is no incident {number}", returncode=REFUSED)
    return found


def _parameters(options: Options) -> dict[str, Any]:
    """Read NAME=VALUE by the action's schema; what is wrong with a value the action says. Raises: CommandError."""
    properties = action_named(options["action"]).schema()["properties"]
    document: dict[str, Any] = {}
    for pair in options["parameters"]:
        name, sign, value = pair.partition("=")
        if not sign:
            raise CommandError(f"{pair} has not the form NAME=VALUE", returncode=WRONG_LINE)
        document[name] = value if properties.get(name, {}).get("type", "string") == "string" else _json(value)
    return document


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value  # the schema refuses it by name


def _digest(options: Options, found: RecoveryRequest, telling: Telling) -> str:
    """Give the digest that was read: named, or shown here and its beginning typed. Raises: CommandError."""
    if options["digest"]:
        return str(options["digest"])
    telling.tell_request(found.pk)
    digest = found.terms.digest
    if ask(f"Type the first {SHOWN_DIGITS} digits of the digest to decide on exactly this: ") != digest[:SHOWN_DIGITS]:
        raise CommandError("that is not the digest, so nothing was decided; or give --digest", returncode=REFUSED)
    return digest


def _typed_stack(options: Options, found: RecoveryRequest) -> str:
    """Give the stack's name as it was typed; where all data may be lost it is asked for."""
    if options["stack"] or found.tier < Tier.FOUR_EYES_AND_BACKUP:
        return str(options["stack"])
    return ask(f"This may destroy all data of stack {found.stack.name}. Type its name: ")


def _check_well(document: Mapping[str, Any]) -> None:
    execution = document["execution"]
    if not execution or execution["state"] != ExecutionState.SUCCEEDED:
        state = execution["state"] if execution else document["state"]
        raise CommandError(f"request {document['id']} is {state}", returncode=ENDED_OTHERWISE)
