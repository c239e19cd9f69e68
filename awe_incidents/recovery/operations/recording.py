"""Record what somebody did by hand: told, not executed, and shown as that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations.history import write_history
from awe_incidents.incidents.reports import cleaned_text
from awe_incidents.recovery import policies
from awe_incidents.recovery.digest import digest_of
from awe_incidents.recovery.errors import ActionNotApplicable, TakenInBefore
from awe_incidents.recovery.journal import Line
from awe_incidents.recovery.journaled import JournaledAction
from awe_incidents.recovery.models import ManualAction
from diagnostics.models import Stack


@transaction.atomic
def record_manual_action(
    *,
    stack: Stack,
    done_by: str,
    done_at: datetime,
    user: User,
    by: Actor,
    at: datetime,
    because: str,
    commands: str = "",
    output: str = "",
    incident: Incident | None = None,
    line: Line | None = None,
) -> ManualAction:
    """Keep what was done, redacted; the trail holds a digest of it. What comes late is a `line` of a journal.

    Raises: RoleRequired, ReasonRequired, TakenInBefore, ActionNotApplicable (the incident is of another stack).
    """
    policies.check_may_request(user)
    if incident is not None and incident.stack_id != stack.pk:
        raise ActionNotApplicable(f"incident {incident.pk} is about another stack")
    said = {"because": policies.check_reason(because), "commands": commands, "output": output, "done_by": done_by}
    texts = {name: cleaned_text(text, stack=stack) for name, text in said.items()}
    row = ManualAction.objects.create(stack=stack, incident=incident, person=user, done_at=done_at, **texts)
    late = _keep_line(row, line) if line else {}
    if incident is not None:
        came = f", written down at {line.written_at:%Y-%m-%d %H:%M} UTC and taken in late" if line else ""
        text = f"Done by hand by {row.done_by}{came}: {row.because}"
        write_history(incident, by=by, at=at, lines=[("manual_action", text, {"manual_action": row.pk})])
    trail.record(
        "manual_action:recorded",
        subject=row,
        by=by,
        at=at,
        because=row.because,
        incident_id=incident.pk if incident else None,
        data={"stack": stack.pk, "done_at": trail.moment(done_at), "digest": digest_of(texts), **late},
    )
    return row


def _keep_line(row: ManualAction, line: Line) -> dict[str, Any]:
    """Keep where it was first written down, once, and give what the trail says of that. Raises: TakenInBefore."""
    kept = {"key": line.key, "number": line.number, "digest": line.digest, "follows": line.follows}
    try:
        with transaction.atomic():
            JournaledAction.objects.create(action=row, written_at=line.written_at, **kept)
    except IntegrityError:
        raise TakenInBefore(f"line {line.number} of journal {line.key} was taken in before") from None
    return {"is_late": True, "journal": {**kept, "written_at": trail.moment(line.written_at)}}
