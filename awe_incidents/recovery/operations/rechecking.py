"""After an execution the checks that failed run again: other code than the action's says whether it helped.

The run is queued with the end of the execution, in one transaction; the signal of its finish comes in the transaction
that finishes it. So what either leaves undone is rung for, or done again, by the sweeper of runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from awe_incidents.actor import Actor, service
from awe_incidents.audit import trail
from awe_incidents.incidents.failures import to_look_again
from awe_incidents.incidents.operations import request_recheck, resolve_mended
from awe_incidents.incidents.operations.history import write_history
from awe_incidents.recovery.models import Execution, Recheck, RecoveryRequest
from awe_incidents.recovery.states import ExecutionState
from diagnostics.checks.result import State
from diagnostics.models import CheckResult, Run
from diagnostics.queries import results_of

WORKER = service("recovery")


def request_look(execution: Execution, request: RecoveryRequest, *, by: Actor, at: datetime) -> None:
    """Queue the checks of the request's incident that failed and have not passed since, in the caller's transaction."""
    rows = to_look_again(request.incident) if request.incident else []
    if request.incident is None or not rows:
        return
    run = request_recheck(incident=request.incident, checks=[row.slug for row in rows], by=by, at=at)
    Recheck.objects.create(execution=execution, run=run, before=_answers(rows), requested_at=at)


def note_rechecked(*, run: Run, at: datetime) -> None:
    """Keep what the checks of an execution say now, in the transaction that finishes the run.

    Where the action was verified and nothing of its incident fails any more, the incident is resolved.
    """
    recheck = Recheck.objects.select_related("execution__request__incident__stack").filter(run=run).first()
    incident = recheck.execution.request.incident if recheck else None
    if recheck is None or incident is None or recheck.after is not None:
        return
    named = [one["check"] for one in recheck.before]
    after = _answers(results_of(run).filter(slug__in=named).order_by("slug"))
    Recheck.objects.filter(pk=recheck.pk).update(after=after, finished_at=at)
    execution, request = recheck.execution, recheck.execution.request
    failed = [one["check"] for one in recheck.before if one["state"] == State.FAIL]
    passed = [one["check"] for one in after if one["check"] in failed and one["state"] == State.PASS]
    text = f"After {request.action} (request {request.pk}) {len(passed)} of {len(failed)} failed checks pass"
    data = {"request": request.pk, "execution": execution.pk, "run": run.pk, "failed": failed, "passed": passed}
    trail.record("execution:rechecked", subject=execution, by=WORKER, at=at, incident_id=incident.pk, data=data)
    write_history(incident, by=WORKER, at=at, lines=[("recovery_rechecked", text, {"request": request.pk})])
    if execution.state == ExecutionState.SUCCEEDED:
        resolve_mended(incident=incident, by=WORKER, at=at, because=f"{text}, and nothing else of it fails")


def _answers(rows: Iterable[CheckResult]) -> list[dict[str, str]]:
    return [{"check": row.slug, "state": row.state, "code": row.code, "message": row.message} for row in rows]
