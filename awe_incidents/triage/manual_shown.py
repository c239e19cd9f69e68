"""What was done by hand for an incident, as the pages of the incident and of its requests list it."""

from __future__ import annotations

from typing import NamedTuple

from awe_incidents.incidents.states import AttachmentState
from awe_incidents.recovery.models import ManualAction
from awe_incidents.recovery.queries import manual_actions
from awe_incidents.triage.attachments import Shown, shown
from awe_incidents.triage.facts import list_address

MAX_SHOWN = 10


class ShownManual(NamedTuple):
    """A manual action, and the files that belong to it."""

    action: ManualAction
    files: list[Shown]


def files_of(action: ManualAction) -> list[Shown]:
    """Give the files of one manual action, oldest first."""
    return shown(one.attachment for one in action.attached.all())


def done_by_hand(incident_id: int | None) -> list[ShownManual]:
    """Give the newest for an incident; none where there is no incident."""
    if incident_id is None:
        return []
    rows = manual_actions().filter(incident=incident_id).order_by("-pk")
    rows = rows.defer("commands", "output", "stack__document", "stack__redaction_key")
    return [ShownManual(row, files_of(row)) for row in rows[:MAX_SHOWN]]


def all_by_hand_address(incident_id: int) -> str:
    """Give the address of the list of all of an incident."""
    return list_address(ManualAction, f"incident={incident_id}")


def version_of_manual(rows: list[ShownManual]) -> list[object]:
    """Give what changes whenever what is listed does."""
    return [(one.action.pk, [(file.attachment.pk, file.attachment.state) for file in one.files]) for one in rows]


def has_pending(rows: list[ShownManual]) -> bool:
    """Say whether a picture waits to be made anew, so that the list will change by itself."""
    return any(file.attachment.state == AttachmentState.PENDING for one in rows for file in one.files)
