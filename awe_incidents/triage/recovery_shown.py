"""A request of recovery for the screen: what exactly is asked for, why it is recommended, how its execution goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_runs
from awe_incidents.recovery.models import Execution, MaintenanceWindow, RecoveryRequest
from awe_incidents.recovery.policies import Tier
from awe_incidents.recovery.queries import (
    held_up_by,
    holding_freeze,
    is_bound,
    last_seconds,
    output_of,
    recheck_of,
    rechecked,
)
from awe_incidents.recovery.states import FINAL_REQUESTS, RequestState, StepState
from awe_incidents.triage.diagnoses import ShownDiagnosis, ShownSpan, shown_diagnosis
from awe_incidents.triage.facts import Fact, address, flattened, list_address
from awe_incidents.triage.labels import moment
from awe_incidents.triage.texts import visible
from diagnostics.models import Run, Stack

MAX_CHUNKS = 200  # the last ones; the whole output is a download
MAX_SHOWN_CHARACTERS = 60_000
TIERS: Mapping[int, str] = {
    Tier.LOOKS: "nobody has to agree",
    Tier.ONE_OPERATOR: "the operator who asks for it is enough",
    Tier.FOUR_EYES: "another person approves",
    Tier.FOUR_EYES_AND_BACKUP: "another person approves and types the stack's name; a fresh backup has to be there",
}
WHOLE = "the whole stack"


@dataclass(frozen=True, slots=True)
class Cited:
    """A cause that recommends an action, and the lines that show it."""

    run: Run
    cause: Mapping[str, Any]
    spans: tuple[ShownSpan, ...]


def standing(request: RecoveryRequest) -> str:
    """Give where a request stands in one word: that of its execution, once there is one."""
    execution = execution_of(request)
    return execution.state if execution else request.state


def execution_of(request: RecoveryRequest) -> Execution | None:
    """Give the execution of a request, None before its approval."""
    return getattr(request, "execution", None)  # a related row that may be missing


def is_moving(request: RecoveryRequest) -> bool:
    """Say whether anything may change without somebody at this page."""
    if request.state not in FINAL_REQUESTS:
        return True
    execution = execution_of(request)
    recheck = recheck_of(execution) if execution else None
    return recheck is not None and recheck.finished_at is None


def terms_of(request: RecoveryRequest) -> dict[str, Any]:
    """Give what exactly is asked for and approved, as the digest covers it."""
    terms = request.terms
    return {
        "terms": terms,
        "plan": terms.plan,
        "parameters": list(flattened(terms.parameters)),
        "target_facts": list(flattened(terms.facts)),
        "is_bound": is_bound(request),
        "tier_words": TIERS[request.tier],
        "took": took(request.action, stack_id=request.stack_id),
    }


def took(action: str, *, stack_id: int) -> str:
    """Say how long the last successful ones took."""
    seconds = last_seconds(action, stack_id=stack_id)
    return ", ".join(f"{one:.1f} s" for one in seconds) if seconds else "it has not been done on this stack yet"


def facts_of(request: RecoveryRequest) -> list[Fact]:
    """Give the head of the page."""
    facts = [
        Fact("State", standing(request), is_label=True),
        Fact("Stack", request.stack.name, address(request.stack)),
        Fact("Environment", request.stack.environment, is_label=True),
        Fact("Asked for by", request.requester.username, note=_by_token(request.requester_token)),
        Fact("Asked for", request.requested_at),
        Fact("Locks", request.target or WHOLE),
        Fact("Takes", TIERS[request.tier]),
    ]
    if held := held_fact(request):
        facts.append(held)
    if request.state in (RequestState.PENDING_APPROVAL, RequestState.APPROVED):
        facts.append(Fact("Lives until", moment(request.expires_at), note="what is not begun by then never starts"))
    if request.incident_id:
        facts.append(Fact("Incident", f"#{request.incident_id}", address(Incident, request.incident_id)))
    if request.retry_of_id:
        facts.append(
            Fact("Tries again", f"request {request.retry_of_id}", address(RecoveryRequest, request.retry_of_id))
        )
    return facts


def held_fact(request: RecoveryRequest) -> Fact | None:
    """Give the freeze or window that a request would wait for now, with its page; None where there is none."""
    words = held_up_by(request)
    if not words:
        return None
    href = holder_address(request.stack, tier=request.tier)
    return Fact("Held back", words, href, note="then it starts by itself, if it lives that long")


def holder_address(stack: Stack, *, tier: int) -> str:
    """Give the page of the freeze that holds a tier of a stack, or else the list of the stack's windows."""
    freeze = holding_freeze(stack_id=stack.pk, tier=tier)
    return address(freeze) if freeze else list_address(MaintenanceWindow, urlencode({"stack": stack.name}))


def _by_token(prefix: str) -> str:
    return f"with token {prefix}" if prefix else ""


def cited_for(request: RecoveryRequest, user: User) -> list[Cited]:
    """Give the cause for which this was asked, as the diagnosis shows it that recommended it."""
    kept = getattr(request, "recommendation", None)  # a related row that may be missing
    run = visible_runs(user).filter(pk=kept.run_id).first() if kept else None
    if kept is None or run is None:
        return []
    found = cited_in(run, shown_diagnosis(run))
    return [one for one in found if (one.cause["code"], one.cause["subject"]) == (kept.cause, kept.subject)]


def cited_in(run: Run, diagnosis: ShownDiagnosis | None) -> list[Cited]:
    """Give the causes of a run's diagnosis that recommend something."""
    causes = diagnosis.causes if diagnosis else ()
    return [Cited(run, cause, spans) for cause, spans in causes if cause["actions"]]


def execution_shown(request: RecoveryRequest) -> dict[str, Any]:
    """Give what moves while an execution goes; empty before its approval."""
    execution = execution_of(request)
    if execution is None:
        return {}
    steps = sorted(execution.steps.all(), key=lambda step: step.number)
    output, is_cut = _output(execution)
    return {
        "execution": execution,
        "held": held_fact(request),
        "steps": steps,
        "done": sum(step.state == StepState.DONE for step in steps),
        "output": output,
        "is_output_cut": is_cut,
        "compared": list(_compared(execution.verification or {})),
        "recheck": (recheck := recheck_of(execution)),
        "rechecked": rechecked(recheck) if recheck else [],
        "taken": _taken(execution),
    }


def _output(execution: Execution) -> tuple[list[tuple[str, str, str]], bool]:
    """Give the end of the output as (time, step, text), and whether there is more before it."""
    chunks: list[tuple[str, str, str]] = []
    left = MAX_SHOWN_CHARACTERS
    rows = list(output_of(execution).reverse()[: MAX_CHUNKS + 1])
    for chunk in rows[:MAX_CHUNKS]:
        if left <= 0:
            return chunks[::-1], True
        chunks.append((moment(chunk.recorded_at), chunk.step, visible(chunk.text[-left:])))
        left -= len(chunk.text)
    return chunks[::-1], left < 0 or len(rows) > MAX_CHUNKS


def _compared(verification: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Give what was seen before and after, side by side: name, before, after, and whether they differ."""
    before, after = (dict(flattened(verification.get(when) or {})) for when in ("before", "after"))
    for name in {**before, **after}:
        differs = name in before and name in after and before[name] != after[name]
        yield name, _seen(before, name), _seen(after, name), differs


def _seen(values: Mapping[str, str], name: str) -> str:
    return (values[name] or "empty") if name in values else "-"


def _taken(execution: Execution) -> str:
    if execution.started_at is None or execution.finished_at is None:
        return ""
    return f"{(execution.finished_at - execution.started_at).total_seconds():.1f} s"


def version_of(request: RecoveryRequest) -> tuple[object, ...]:
    """Give what changes whenever something on the page of a request does."""
    execution, review = execution_of(request), getattr(request, "review", None)
    said: list[object] = [request.state, request.changed_at, request.decisions.count(), review and review.state]
    said.append(list(review.notices.order_by("pk").values_list("state", "tries")) if review else [])
    if execution is not None:
        last = output_of(execution).values_list("number", flat=True).last()
        steps = list(execution.steps.order_by("number").values_list("number", "state"))
        recheck = recheck_of(execution)
        said += [execution.state, execution.cancel_asked_at, execution.finished_at, last, steps]
        said += [recheck and (recheck.run_id, recheck.finished_at), _secret_state(execution)]
    said.append(held_up_by(request))
    return tuple(said)


def _secret_state(execution: Execution) -> str:
    """Give how the secret of an execution stands, "" where it has none."""
    return getattr(getattr(execution, "secret", None), "state", "")  # a related row that may be missing


def is_waiting(request: RecoveryRequest) -> bool:
    """Say whether a request waits for a decision."""
    return request.state == RequestState.PENDING_APPROVAL
