"""Attachments at the desk: pictures made anew are shown, originals never, and each leaves as a download."""

from __future__ import annotations

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.models import Attachment, BugReport
from awe_incidents.incidents.operations import add_attachments, prepare_attachment
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.triage.facts import address
from diagnostics.models import Stack
from tests import pictures
from tests.triage.world import JWT, SCRIPT, actor, file, incident_page, signed_in


@pytest.fixture
def report(stack: Stack, reporter: User) -> BugReport:
    return file(stack, reporter)[0]


def add(report: BugReport, kind: AttachmentKind, name: str, content: bytes) -> Attachment:
    upload = Upload(place="file/0", kind=kind, file_name=name, content=content)
    user = report.reporter
    return add_attachments(report=report, uploads=[upload], user=user, by=actor(user), at=timezone.now())[0]


@pytest.fixture
def screenshot(report: BugReport) -> Attachment:
    return add(report, AttachmentKind.SCREENSHOT, "shot <b>.jpg", pictures.photo_with_place())


def test_a_pending_picture_is_not_shown_anywhere(screenshot: Attachment, report: BugReport, operator: User) -> None:
    client = signed_in(operator)
    page = client.get(address(screenshot)).content.decode()
    assert "being made anew" in page
    assert "<img class" not in page
    assert "<img class" not in client.get(address(report)).content.decode()
    assert client.get(address(screenshot, part="content")).status_code == 404


def test_a_ready_picture_is_shown_on_its_page_the_report_and_the_incident(
    screenshot: Attachment, report: BugReport, operator: User
) -> None:
    prepare_attachment(attachment_id=screenshot.pk)
    client, source = signed_in(operator), f'src="{address(screenshot, part="content")}"'
    for page in (address(screenshot), address(report), incident_page(report.incident)):
        text = client.get(page).content.decode()
        assert source in text, page
        assert "shot &lt;b&gt;.jpg" in text
    answer = client.get(address(screenshot, part="content"))
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert b"SecretCamera" not in answer.content


def test_a_refused_picture_says_why(report: BugReport, operator: User) -> None:
    broken = add(report, AttachmentKind.SCREENSHOT, "a.png", pictures.png(9, 9, pixels=b"none"))
    prepare_attachment(attachment_id=broken.pk)
    client = signed_in(operator)
    assert "cannot be decoded" in client.get(address(broken)).content.decode()
    assert client.get(address(broken, part="content")).status_code == 404


def test_a_text_is_shown_redacted_with_numbered_lines_and_nothing_of_it_runs(report: BugReport, operator: User) -> None:
    text = add(report, AttachmentKind.TEXT, "api.html", f"one {SCRIPT}\nAuthorization: Bearer {JWT}\n".encode())
    client = signed_in(operator)
    page = client.get(address(text)).content.decode()
    assert 'id="L2"' in page
    assert SCRIPT not in page
    assert JWT not in page
    download = client.get(address(text, part="content"))
    assert download["Content-Type"] == "text/plain; charset=utf-8"
    assert 'filename="api.html.txt"' in download["Content-Disposition"]


def test_another_reporter_sees_neither_page_nor_content(screenshot: Attachment, other_reporter: User) -> None:
    prepare_attachment(attachment_id=screenshot.pk)
    client = signed_in(other_reporter)
    for part in ("change", "content"):
        assert client.get(address(screenshot, part=part)).status_code == 404


def test_who_is_not_signed_in_gets_nothing(screenshot: Attachment, client: object) -> None:
    from django.test import Client

    prepare_attachment(attachment_id=screenshot.pk)
    answer = Client().get(address(screenshot, part="content"))
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]
