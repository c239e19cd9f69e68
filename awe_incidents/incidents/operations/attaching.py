"""Files: kept with a bug report when it is filed, added later by who filed it, or attached by a layer above."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.trail import Fact
from awe_incidents.growth import contents
from awe_incidents.incidents import policies, queue
from awe_incidents.incidents.attachments import (
    MAX_FILES_OF_ONE,
    CleanFile,
    Upload,
    cleaned_files,
)
from awe_incidents.incidents.errors import TooManyAttachments
from awe_incidents.incidents.models import (
    Attachment,
    AttachmentContent,
    AttachmentOriginal,
    BugReport,
    Incident,
)
from awe_incidents.incidents.operations.history import Line, write_history
from awe_incidents.incidents.states import AttachmentState
from awe_incidents.rows import insert_large, insert_together, reserve_ids

COMPRESSION_LEVEL = 6


@transaction.atomic(savepoint=False)
def add_attachments(
    *, report: BugReport, uploads: Sequence[Upload], user: User, by: Actor, at: datetime
) -> list[Attachment]:
    """Add files to a report that is there already.

    Raises: OthersReport, TooManyAttachments, ReportInvalid, RoleRequired.
    """
    policies.check_may_attach(user, report=report)
    files = cleaned_files(uploads, stack=report.stack)
    incident = Incident.objects.select_for_update(of=("self",)).get(pk=report.incident_id)  # one counts at a time
    if report.attachments.count() + len(files) > MAX_FILES_OF_ONE:
        raise TooManyAttachments(f"a bug report takes {MAX_FILES_OF_ONE} attachments; file another one for more")
    rows = new_attachments(report=report, files=files, ids=reserve_ids(*[Attachment] * len(files)), at=at)
    keep_attachments(rows, files, at=at)
    write_history(incident, by=by, at=at, lines=[_added(report, files)])
    trail.record_all(facts_of(rows, files, of={"report": report.pk}, by=by, at=at, incident_id=incident.pk))
    return rows


def attach_files(
    *, files: Sequence[CleanFile], of: Mapping[str, int], incident: Incident | None, by: Actor, at: datetime
) -> list[Attachment]:
    """Keep files of something of a layer above, for an incident or for none; runs in the caller's transaction.

    `of` is what the trail says they belong to, such as {"manual_action": 7}; whose they are, the caller keeps.
    """
    if not files:
        return []
    rows = new_attachments(incident=incident, files=files, ids=reserve_ids(*[Attachment] * len(files)), at=at)
    keep_attachments(rows, files, at=at)
    incident_id = incident.pk if incident else None
    trail.record_all(facts_of(rows, files, of=of, by=by, at=at, incident_id=incident_id))
    return rows


def _added(report: BugReport, files: Sequence[CleanFile]) -> Line:
    return "attachments_added", f"Bug report {report.pk} goes on{with_files(files)}", {"report": report.pk}


def with_files(files: Sequence[CleanFile]) -> str:
    """Say how many files came, where any did."""
    return f" with {len(files)} file{'s' if len(files) > 1 else ''}" if files else ""


def new_attachments(
    *,
    files: Sequence[CleanFile],
    ids: Sequence[int],
    at: datetime,
    report: BugReport | None = None,
    incident: Incident | None = None,
) -> list[Attachment]:
    """Give the rows of files, not yet inserted: a text is ready at once, a picture waits to be made anew.

    They are of a report, or else for an incident, or for none.
    """
    rows = [_new(file, attachment_id, at=at) for file, attachment_id in zip(files, ids, strict=True)]
    for row in rows:
        row.report, row.incident = report, incident
    return rows


def _new(file: CleanFile, attachment_id: int, *, at: datetime) -> Attachment:
    row = Attachment(
        pk=attachment_id,
        kind=file.kind,
        label=file.label,
        received_bytes=file.received_bytes,
        redactions=dict(file.redactions),
        added_at=at,
    )
    if picture := file.picture:
        row.width, row.height, row.frames = picture.width, picture.height, picture.frames
        row.rung_at = Now()
    else:
        row.state, row.settled_at = AttachmentState.READY, at
        row.media_type, row.content_id = file.media_type, file.sha256
    return row


def keep_attachments(rows: Sequence[Attachment], files: Sequence[CleanFile], *, at: datetime) -> None:
    """Insert rows with their bytes, and ring for the pictures among them."""
    if not rows:
        return
    insert_together(rows)
    pairs = list(zip(rows, files, strict=True))
    contents.keep([new_content(file.data, file.sha256, compress=True) for _, file in pairs if not file.picture])
    insert_large(
        [
            AttachmentOriginal(attachment=row, format=file.picture.format, data=file.data)
            for row, file in pairs
            if file.picture
        ]
    )
    for row in rows:
        if row.state == AttachmentState.PENDING:
            queue.ring_attachment(row.pk)


def new_content(data: bytes, sha256: str, *, compress: bool) -> AttachmentContent:
    """Give a content's row, not yet inserted."""
    stored = zlib.compress(data, COMPRESSION_LEVEL) if compress else data
    return AttachmentContent(sha256=sha256, data=stored, is_compressed=compress, size_bytes=len(data))


def facts_of(
    rows: Sequence[Attachment],
    files: Sequence[CleanFile],
    *,
    of: Mapping[str, int],
    by: Actor,
    at: datetime,
    incident_id: int | None,
) -> list[Fact]:
    """Give a fact for each file: digest and type, of a text those of what is kept, of a picture the original's.

    `bytes` counts what came: of a text before it was redacted.
    """
    return [
        Fact(
            verb="attachment:added",
            subject=row,
            by=by,
            at=at,
            incident_id=incident_id,
            data={
                **of,
                "kind": row.kind,
                "sha256": file.sha256,
                "bytes": row.received_bytes,
                "media_type": file.media_type,
            },
            private={"label": row.label},
        )
        for row, file in zip(rows, files, strict=True)
    ]
