"""Files of bug reports over HTTP: filed with them, added later, listed, downloaded, and seen by the right people."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Attachment, AttachmentContent, AttachmentOriginal, BugReport, TimelineEntry
from awe_incidents.incidents.operations import prepare_attachment
from awe_incidents.incidents.template import TemplateFields, render
from diagnostics.models import Stack
from tests import forms, pictures
from tests.api.conftest import FIELDS, FILING, pointers_of, problem_of
from tests.conftest import client_of
from tests.triage.world import JWT

LOG = f"api | Authorization: Bearer {JWT}\napi | 502\n".encode()


def file(content: bytes, name: str = "shot.png", media_type: str = "application/octet-stream") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type=media_type)


def files(number: int) -> list[SimpleUploadedFile]:
    return [file(LOG) for _ in range(number)]


def nothing_is_stored() -> bool:
    kept = (BugReport, Attachment, AttachmentContent, AttachmentOriginal)
    return not any(model.objects.exists() for model in kept) and not Entry.objects.filter(verb="bug_report:filed")


def post(client: APIClient, to: str = FILING, /, **parts: Any) -> Any:
    return client.post(to, parts, format="multipart")


def filed(client: APIClient, **parts: Any) -> dict[str, Any]:
    answer = post(client, **FIELDS, **parts)
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def prepare() -> None:
    for attachment in Attachment.objects.filter(state="pending"):
        prepare_attachment(attachment_id=attachment.pk)


@pytest.fixture
def client(reporter: User, stack: Stack) -> APIClient:
    return client_of(reporter)


def test_a_report_is_filed_with_its_files(client: APIClient) -> None:
    shots = [file(pictures.picture(color=color), f"{color}.png") for color in ("red", "blue")]
    body = filed(client, screenshot=shots, attachment=[file(LOG, "api.log", "text/html")])

    assert body["actual_behavior"] == FIELDS["actual_behavior"]
    shown = [(one["kind"], one["name"], one["state"], one["media_type"]) for one in body["attachments"]]
    assert shown == [
        ("screenshot", "red.png", "pending", ""),
        ("screenshot", "blue.png", "pending", ""),
        ("text", "api.log", "ready", "text/plain"),
    ]
    listed = client.get(body["links"]["attachments"]).json()["results"]
    assert listed == body["attachments"]
    assert Entry.objects.filter(verb="attachment:added", incident_id=body["incident"]).count() == 3
    assert TimelineEntry.objects.get(kind="report_filed").text.endswith("with 3 files")


def test_a_text_is_redacted_before_it_is_stored(client: APIClient) -> None:
    one = filed(client, attachment=[file(LOG, f"token {JWT}.log")])["attachments"][0]
    answer = client.get(one["links"]["content"])
    assert JWT not in answer.content.decode()
    assert "api | 502" in answer.content.decode()
    assert sum(one["redactions"]["counts"].values()) == 1
    assert JWT not in one["name"]
    stored = AttachmentContent.objects.get()
    assert stored.sha256 == hashlib.sha256(answer.content).hexdigest() == one["sha256"]


def test_a_screenshot_is_served_once_it_was_made_anew(client: APIClient) -> None:
    one = filed(client, screenshot=file(pictures.photo_with_place(), "a<b>.png"))["attachments"][0]
    problem_of(client.get(one["links"]["content"]), 409, "attachment-not-ready")
    prepare()

    now = client.get(one["links"]["self"]).json()
    assert (now["state"], now["media_type"], now["width"], now["height"]) == ("ready", "image/jpeg", 30, 40)
    answer = client.get(one["links"]["content"])
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert b"SecretCamera" not in answer.content
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert client.get(one["links"]["content"], headers={"If-None-Match": answer["ETag"]}).status_code == 304


def test_a_refused_screenshot_says_why_and_gives_nothing(client: APIClient) -> None:
    one = filed(client, screenshot=file(pictures.png(9, 9, pixels=b"none")))["attachments"][0]
    prepare()
    now = client.get(one["links"]["self"]).json()
    assert now["state"] == "refused"
    assert "cannot be decoded" in now["refusal"]
    problem_of(client.get(one["links"]["content"]), 409, "attachment-not-ready")


def test_the_template_may_be_one_part(client: APIClient) -> None:
    markdown = render(TemplateFields(environment="Staging", actual_behavior="the page is empty"))
    for sent in (markdown, file(markdown.encode(), "report.md")):
        answer = post(client, stack="plain", report=sent, screenshot=[file(pictures.picture())])
        assert answer.status_code == 201, answer.content
        assert answer.json()["actual_behavior"] == "the page is empty"
        assert len(answer.json()["attachments"]) == 1
    both = post(client, **FIELDS, report=markdown)
    assert ("body", "#/report") in pointers_of(problem_of(both, 400, "invalid"))
    none = post(client, stack="plain", report="no template")
    assert pointers_of(problem_of(none, 400, "invalid"))[0] == ("body", "#/report")


def test_fields_keep_their_rules(client: APIClient) -> None:
    answer = post(client, stack="plain", environment="Moon", expected="?", screenshot=[file(pictures.picture())])
    pointers = pointers_of(problem_of(answer, 400, "invalid"))
    assert {pointer for _, pointer in pointers} == {"#/environment", "#/actual_behavior", "#/expected"}
    twice = post(client, **FIELDS | {"environment": ["Staging", "Production"]})
    assert pointers_of(problem_of(twice, 400, "invalid")) == [("body", "#/environment/1")]
    not_text = post(client, **FIELDS | {"container_logs": file(b"\xff\xfe")})
    assert pointers_of(problem_of(not_text, 400, "invalid")) == [("body", "#/container_logs")]
    assert not BugReport.objects.exists()


def test_every_file_that_is_wrong_is_pointed_at_and_nothing_is_stored(client: APIClient) -> None:
    answer = post(
        client,
        **FIELDS,
        screenshot=[file(pictures.picture()), file(b"PK\x03\x04"), file(LOG), file(pictures.bomb())],
        attachment=[file(LOG, "ok.log"), file(b"a\0b"), file(pictures.picture()), file(b"", "empty.log")],
    )
    places = [pointer for _, pointer in pointers_of(problem_of(answer, 400, "invalid"))]
    wrong = [*(f"#/screenshot/{number}" for number in (1, 2, 3)), *(f"#/attachment/{number}" for number in (1, 2, 3))]
    assert places == wrong
    assert nothing_is_stored()


def test_too_many_or_too_large_files_are_refused(client: APIClient) -> None:
    many = post(client, **FIELDS, attachment=files(11))
    assert pointers_of(problem_of(many, 400, "invalid")) == [("body", "#/attachment/10")]
    large = post(client, **FIELDS, attachment=[file(b"x" * 10_000_001)])
    assert pointers_of(problem_of(large, 400, "invalid")) == [("body", "#/attachment/0")]
    body = forms.form([*forms.texts(FIELDS), ("attachment", "x" * 256, LOG)])
    named = client.post(FILING, body, content_type=forms.CONTENT_TYPE)
    assert pointers_of(problem_of(named, 400, "invalid")) == [("body", "#/attachment/0")]


def test_a_file_as_long_as_its_limit_on_one_line_is_taken(client: APIClient) -> None:
    one = filed(client, attachment=[file(b"x" * 1_000_000, "line.log")])["attachments"][0]
    assert len(client.get(one["links"]["content"]).content) == 1_000_000


def test_a_name_is_a_label(client: APIClient) -> None:
    one = filed(client, attachment=[file(LOG, "nothing")])["attachments"][0]
    assert one["name"] == "nothing"


def test_files_are_added_to_an_own_report(client: APIClient, operator: User) -> None:
    to = client.post(FILING, FIELDS, format="json").json()["links"]["attachments"]
    answer = post(client, to, screenshot=[file(pictures.picture())], attachment=[file(LOG)])
    assert answer.status_code == 201, answer.content
    assert [one["kind"] for one in answer.json()["attachments"]] == ["screenshot", "text"]
    assert answer["Location"] == to
    assert len(client.get(to).json()["results"]) == 2
    assert TimelineEntry.objects.get(kind="attachments_added").data.keys() == {"report"}
    problem_of(post(client_of(operator), to, attachment=[file(LOG)]), 403, "others-report")


def test_a_report_takes_no_more_than_so_many(client: APIClient) -> None:
    to = client.post(FILING, FIELDS, format="json").json()["links"]["attachments"]
    for _ in range(3):
        assert post(client, to, attachment=files(10)).status_code == 201
    problem_of(post(client, to, attachment=[file(LOG)]), 409, "too-many-attachments")
    assert Attachment.objects.count() == 30


def test_only_files_are_added(client: APIClient) -> None:
    to = client.post(FILING, FIELDS, format="json").json()["links"]["attachments"]
    answer = post(client, to, attachment=[file(LOG)], environment="Staging")
    assert pointers_of(problem_of(answer, 400, "invalid")) == [("body", "#/environment/0")]
    empty = client.post(to, b"--x--\r\n", content_type="multipart/form-data; boundary=x")
    assert pointers_of(problem_of(empty, 400, "invalid")) == [("body", "#")]
    problem_of(client.post(to, {}, format="json"), 415, "media-type")


def test_others_see_neither_list_nor_attachment_nor_content(
    client: APIClient, other_reporter: User, operator: User
) -> None:
    body = filed(client, attachment=[file(LOG)])
    links = body["attachments"][0]["links"]
    addresses = [body["links"]["attachments"], links["self"], links["content"]]
    for address in addresses:
        problem_of(client_of(other_reporter).get(address), 404, "not-found")
        assert client_of(operator).get(address).status_code == 200
        problem_of(APIClient().get(address), 401, "not-authenticated")
    problem_of(post(client_of(other_reporter), addresses[0], attachment=[file(LOG)]), 404, "not-found")


def test_a_form_is_filed_once_under_its_key_whatever_its_boundary(client: APIClient) -> None:
    def send(boundary: str, text: str = "502") -> Any:
        fields = forms.texts({**FIELDS, "actual_behavior": text})
        body = forms.form([*fields, ("screenshot", "a.png", pictures.picture())], boundary=boundary)
        kind = f"multipart/form-data; boundary={boundary}"
        return client.post(FILING, body, content_type=kind, headers={"Idempotency-Key": "once"})

    first, second = send("one-boundary"), send("another")
    assert (first.status_code, second.status_code) == (201, 201), first.content
    assert first.content == second.content
    assert second["Idempotency-Replayed"] == "true"
    assert BugReport.objects.count() == Attachment.objects.count() == 1
    problem_of(send("third", "503"), 422, "idempotency-key-reused")
