"""Record what somebody did by hand: told, not executed, and shown as that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents.attachments import MAX_FILES_OF_ONE, CleanFile, Upload, cleaned_files
from awe_incidents.incidents.errors import TooManyAttachments
from awe_incidents.incidents.models import Attachment, Incident
from awe_incidents.incidents.operations.attaching import attach_files, with_files
from awe_incidents.incidents.operations.history import write_history
from awe_incidents.incidents.reports import cleaned_text
from awe_incidents.recovery import policies
from awe_incidents.recovery.digest import digest_of
from awe_incidents.recovery.errors import ActionNotApplicable, TakenInBefore
from awe_incidents.recovery.journal import Line
from awe_incidents.recovery.journaled import JournaledAction
from awe_incidents.recovery.models import ManualAction, ManualAttachment
from diagnostics.models import Stack

MAX_DONE_BY = ManualAction._meta.get_field("done_by").max_length or 200


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
    uploads: Sequence[Upload] = (),
) -> ManualAction:
    """Keep what was done with its files, redacted; the trail holds digests. What comes late is a `line` of a journal.

    Raises: RoleRequired, ReasonRequired, ReportInvalid (its files cannot be taken), TakenInBefore, ActionNotApplicable
    (the incident is of another stack).
    """
    policies.check_may_request(user)
    if incident is not None and incident.stack_id != stack.pk:
        raise ActionNotApplicable(f"incident {incident.pk} is about another stack")
    said = {"because": policies.check_reason(because), "commands": commands, "output": output, "done_by": done_by}
    texts = {name: cleaned_text(text, stack=stack) for name, text in said.items()}
    texts["done_by"] = texts["done_by"][:MAX_DONE_BY]  # a mark may be longer than what it stands for
    files = cleaned_files(uploads, stack=stack)
    row = ManualAction.objects.create(stack=stack, incident=incident, person=user, done_at=done_at, **texts)
    late = _keep_line(row, line) if line else {}
    if incident is not None:
        came = f", written down at {line.written_at:%Y-%m-%d %H:%M} UTC and taken in late" if line else ""
        text = f"Done by hand by {row.done_by}{came}{with_files(files)}: {row.because}"
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
    _attach(row, files, by=by, at=at)
    return row


@transaction.atomic
def attach_to_manual_action(
    *, action: ManualAction, uploads: Sequence[Upload], user: User, by: Actor, at: datetime
) -> list[Attachment]:
    """Add files to what was recorded before.

    Raises: RoleRequired, ReportInvalid, TooManyAttachments.
    """
    policies.check_may_attach(user, recorded_by=action.person_id)
    files = cleaned_files(uploads, stack=action.stack)
    Stack.objects.select_for_update(no_key=True).get(pk=action.stack_id)  # one counts at a time
    if action.attached.count() + len(files) > MAX_FILES_OF_ONE:
        raise TooManyAttachments(f"a manual action takes {MAX_FILES_OF_ONE} attachments; record another one for more")
    if action.incident is not None:
        told = f"Manual action {action.pk} goes on{with_files(files)}"
        write_history(action.incident, by=by, at=at, lines=[("manual_action", told, {"manual_action": action.pk})])
    return _attach(action, files, by=by, at=at)


def _attach(action: ManualAction, files: Sequence[CleanFile], *, by: Actor, at: datetime) -> list[Attachment]:
    rows = attach_files(files=files, of={"manual_action": action.pk}, incident=action.incident, by=by, at=at)
    ManualAttachment.objects.bulk_create(ManualAttachment(attachment=row, action=action) for row in rows)
    return rows


def _keep_line(row: ManualAction, line: Line) -> dict[str, Any]:
    """Keep where it was first written down, once, and give what the trail says of that. Raises: TakenInBefore."""
    kept = {"key": line.key, "number": line.number, "digest": line.digest, "follows": line.follows}
    try:
        with transaction.atomic():
            JournaledAction.objects.create(action=row, written_at=line.written_at, **kept)
    except IntegrityError:
        raise TakenInBefore(f"line {line.number} of journal {line.key} was taken in before") from None
    return {"is_late": True, "journal": {**kept, "written_at": trail.moment(line.written_at)}}
