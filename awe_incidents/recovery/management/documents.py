"""What the command tells, as JSON objects; the words for people are made of the same."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Any

from awe_incidents.recovery.actions.base import Action
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.models import Execution, RecoveryRequest
from awe_incidents.recovery.operations import Planned
from awe_incidents.recovery.policies import Tier, approvals_needed
from awe_incidents.recovery.queries import counted_executions, last_seconds, waits_for

Document = dict[str, Any]


def action_document(action: Action[Any]) -> Document:
    """Give an action of the catalogue."""
    return {
        "slug": action.slug,
        "title": action.title,
        "description": inspect.getdoc(inspect.getmodule(type(action))) or "",
        "tier": action.tier,
        "approvals_needed": approvals_needed(Tier(action.tier)),
        "rate": {"times": action.rate.times, "seconds": action.rate.seconds},
        "parameters": action.schema(),
    }


def plan_document(planned: Planned, *, stack_id: int, stack_name: str) -> Document:
    """Give a dry run."""
    action, rate = planned.action, planned.action.rate
    counted = counted_executions(stack_id=stack_id, action=action.slug, target=planned.target, seconds=rate.seconds)
    return {
        "stack": stack_name,
        "action": action.slug,
        "tier": action.tier,
        "approvals_needed": approvals_needed(Tier(action.tier)),
        "target": planned.target,
        "parameters": dict(planned.document),
        "fingerprint": planned.fingerprint,
        "plan": dict(planned.plan),
        "waits_for": waits_for(stack_id=stack_id, tier=action.tier),
        "rate": {"times": rate.times, "seconds": rate.seconds},
        "started_lately": counted.count(),
        "last_seconds": last_seconds(action.slug, stack_id=stack_id),
    }


def request_document(request: RecoveryRequest) -> Document:
    """Give a request with all that belongs to it but the output."""
    execution, review = getattr(request, "execution", None), getattr(request, "review", None)
    is_waiting = request.state in {"pending_approval", "approved"} and review is None
    decisions = sorted(request.decisions.all(), key=lambda one: one.pk)
    return {
        "id": request.pk,
        "stack": request.stack.name,
        "incident": request.incident_id,
        "action": request.action,
        "tier": request.tier,
        "state": request.state,
        "requester": request.requester.username,
        "because": request.because,
        "retry_of": request.retry_of_id,
        "requested_at": moment(request.requested_at),
        "expires_at": moment(request.expires_at),
        "target": request.target,
        "parameters": request.terms.parameters,
        "fingerprint": request.terms.fingerprint,
        "plan": request.terms.plan,
        "digest": request.terms.digest,
        "approvals_needed": request.approvals_needed,
        "waits_for": waits_for(stack_id=request.stack_id, tier=request.tier) if is_waiting else "",
        "decisions": [
            {
                "person": one.person.username,
                "verdict": one.verdict,
                "because": one.because,
                "decided_at": moment(one.decided_at),
            }
            for one in decisions
        ],
        "execution": _execution_document(execution) if execution else None,
        "review": {
            "state": review.state,
            "broken_by": review.broken_by.username,
            "because": review.because,
            "due_at": moment(review.due_at),
            "verdict": review.verdict,
            "findings": review.findings,
        }
        if review
        else None,
    }


def _execution_document(execution: Execution) -> Document:
    return {
        "id": execution.pk,
        "state": execution.state,
        "effect": execution.effect,
        "outcome": execution.outcome,
        "verification": execution.verification,
        "started_at": moment(execution.started_at),
        "finished_at": moment(execution.finished_at),
        "steps": [
            {"number": step.number, "key": step.key, "title": step.title, "state": step.state}
            for step in sorted(execution.steps.all(), key=lambda step: step.number)
        ],
    }


def freeze_document(freeze: Freeze) -> Document:
    """Give a freeze."""
    return {
        "freeze": freeze.pk,
        "stack": freeze.stack.name,
        "from_tier": freeze.from_tier,
        "starts_at": moment(freeze.starts_at),
        "ends_at": moment(freeze.ends_at),
        "set_by": freeze.person.username,
        "because": freeze.because,
        "lifted_at": moment(freeze.lifted_at),
    }


def window_document(window: MaintenanceWindow) -> Document:
    """Give a maintenance window."""
    return {
        "window": window.pk,
        "stack": window.stack.name,
        "weekday": window.weekday,
        "opens_at": f"{window.opens_at:%H:%M}",
        "minutes": window.minutes,
        "declared_by": window.person.username,
        "because": window.because,
        "closed_at": moment(window.closed_at),
    }


def moment(at: datetime | None) -> str | None:
    """Give a time in UTC, to the second."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None
