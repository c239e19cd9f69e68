"""Attachments at the desk: pictures made anew beside their facts, texts with numbered lines, both as downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope, scopes_of
from awe_incidents.incidents.errors import AttachmentNotReady
from awe_incidents.incidents.models import Attachment, AttachmentContent, BugReport
from awe_incidents.incidents.queries import attachment_content, visible_attachments
from awe_incidents.incidents.states import AttachmentKind, AttachmentState
from awe_incidents.incidents.uploads.serving import download_headers
from awe_incidents.recovery.models import ManualAction
from awe_incidents.recovery.queries import manual_attachments
from awe_incidents.triage.access import EVERYBODY
from awe_incidents.triage.base import DeskAdmin, display, time_column
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.labels import KINDS
from awe_incidents.triage.texts import Line, Span, lines_of

SHOWN_LINES = 1_000


class Shown(NamedTuple):
    """An attachment in a list of a page: where it is, and where its picture is, if it has one to show."""

    attachment: Attachment
    href: str
    picture: str


class AttachmentAdmin(DeskAdmin):
    """Screenshots and texts, of bug reports and of what was done by hand."""

    seen_by = EVERYBODY
    template = "triage/attachment.html"
    list_display = (
        "number",
        "label",
        "kind",
        "state_label",
        "belongs_to",
        time_column("added_at", description="Added"),
    )
    list_display_links = ("number", "label")

    def visible(self, user: User) -> QuerySet[Attachment]:
        """Give those of visible reports, and of manual actions to who reads of recovery, never with their bytes."""
        rows = visible_attachments(user)
        if Scope.RECOVERY_READ in scopes_of(user.roles):
            rows |= manual_attachments()
        return rows.select_related("manual")

    @display(description="State", label=KINDS)
    def state_label(self, attachment: Attachment) -> str:
        """Show the state in its color."""
        return attachment.state

    @display(description="Belongs to")
    def belongs_to(self, attachment: Attachment) -> str:
        """Show what it is a file of."""
        return _owner(attachment)[0]

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give the content."""
        return [("content", self.content)]

    def content(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give what is there as a download; a picture of the page is the same answer, which only an <img> may use.

        Raises: Http404, where there is nothing yet or nothing any more.
        """
        attachment: Attachment = self.found(request, object_id)
        try:
            content = attachment_content(attachment)
        except AttachmentNotReady as error:
            raise Http404(str(error)) from None
        headers = download_headers(
            label=attachment.label, media_type=attachment.media_type, sha256=str(attachment.content_id)
        )
        return HttpResponse(content, headers=headers)

    def context(self, thing: Attachment, request: HttpRequest) -> Mapping[str, Any]:
        """Show the picture or the first lines of the text."""
        is_ready = thing.state == AttachmentState.READY
        is_text = thing.kind == AttachmentKind.TEXT
        return {
            "facts": _facts(thing),
            "download_url": self.address_of(thing, "content") if is_ready else "",
            "picture": _picture(thing),
            "lines": _first_lines(thing) if is_ready and is_text else [],
            "max_lines": SHOWN_LINES,
        }


def shown(attachments: Iterable[Attachment]) -> list[Shown]:
    """Give attachments for a page that lists them."""
    return [Shown(one, address(one), _picture(one)) for one in attachments]


def _picture(attachment: Attachment) -> str:
    is_picture = attachment.kind == AttachmentKind.SCREENSHOT and attachment.state == AttachmentState.READY
    return address(attachment, part="content") if is_picture else ""


def _first_lines(attachment: Attachment) -> list[Line]:
    compressed = bytes(AttachmentContent.objects.only("data").get(pk=attachment.content_id).data)
    return lines_of(compressed, window=Span(1, SHOWN_LINES), cited=None)


def _owner(attachment: Attachment) -> tuple[str, str]:
    """Give what a file belongs to, in words and as address."""
    if attachment.report_id:
        return f"Report {attachment.report_id}", address(BugReport, attachment.report_id)
    action = attachment.manual.action_id
    return f"Manual action {action}", address(ManualAction, action)


def _facts(attachment: Attachment) -> list[Fact]:
    removed = attachment.redactions.get("counts", {})
    frames = attachment.frames or 1
    size = f"{attachment.width} x {attachment.height} pixels" if attachment.width else ""
    return [
        Fact("State", attachment.state, is_label=True),
        Fact("Belongs to", *_owner(attachment)),
        Fact("Kind", attachment.kind),
        Fact("Size as it came", f"{attachment.received_bytes:,} bytes"),
        Fact("Size of the picture", size + (f"; the first of {frames:,} frames" if frames > 1 else "")),
        Fact("Type", attachment.media_type),
        Fact("Added", attachment.added_at),
        Fact("Why it was refused", attachment.refusal),
        Fact("Secrets removed", ", ".join(f"{rule}: {number}" for rule, number in removed.items()) or "0"),
        Fact("SHA-256", attachment.content_id or ""),
    ]
