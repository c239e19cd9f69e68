"""Hostile and broken uploads against the real web server, at every door: clear answers, nothing stored, it lives on."""

from __future__ import annotations

import random
import socket
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

import httpx
import pytest

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Attachment, AttachmentContent, AttachmentOriginal, BugReport, Incident
from awe_incidents.incidents.operations import prepare_attachment
from awe_incidents.recovery.models import ManualAction
from diagnostics.models import Run, Stack
from tests import forms, pictures
from tests.api.conftest import FIELDS, FILING, token_of
from tests.api.test_manual_attachments import MANUAL, SAID
from tests.api.web_server import database_url, serving

ANSWER_SECONDS = 8.0

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The web server on the test's database, one process, which must be the same at the end."""
    log = tmp_path_factory.mktemp("hostile") / "web.log"
    with serving(database_url(), log) as client:
        yield client
    assert "panick" not in log.read_text(errors="replace")
    assert "Unexpected exit" not in log.read_text(errors="replace")


@dataclass(frozen=True, eq=False)
class Door:
    """Where forms with files are taken: what is said beside them, and what is missing where nothing is."""

    path: str
    fields: dict[str, str]
    text: str  # a field for text
    missing: tuple[str, ...]


DOORS = {
    "bug report": Door(FILING, FIELDS, "container_logs", ("#/stack", "#/actual_behavior")),
    "manual action": Door(MANUAL, SAID, "output", ("#/stack", "#/done_at", "#/because")),
}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


@pytest.fixture
def authorization(reporter: User, operator: User, stack: Stack, door: Door) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(reporter if door.path == FILING else operator)}"}


def archive() -> bytes:
    sink = BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("shot.png", bytes(1_000_000))
    return sink.getvalue()


def with_file(fields: dict[str, str], name: str, content: bytes, file_name: str = "shot.png", *headers: str) -> bytes:
    return forms.form([*forms.texts(fields), forms.part(name, file_name, content, *headers)])


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


@dataclass(frozen=True)
class Attack:
    """A body, and the answer that it must get: status, kind of problem, and places that it points at."""

    body: bytes = field(repr=False)
    status: int = 400
    kind: str = "invalid"
    pointers: tuple[str, ...] = ("#/screenshot/0",)
    says: str = ""
    content_type: str = forms.CONTENT_TYPE


def unreadable(body: bytes, *, says: str = "", content_type: str = forms.CONTENT_TYPE) -> Attack:
    return Attack(body, kind="malformed", pointers=("#",), says=says, content_type=content_type)


PNG = pictures.picture("PNG", (300, 200))


def whole_form(door: Door) -> bytes:
    return forms.form([*forms.texts(door.fields), ("screenshot", "a.png", PNG)])


@cache
def attacks(door: Door) -> dict[str, Attack]:
    """Give every attack on a door."""
    said, whole = door.fields, whole_form(door)
    return {
        "image bomb": Attack(with_file(said, "screenshot", pictures.bomb()), says="9000 x 9000 pixels"),
        "gif of one pixel with a frame of 4 gigapixels": Attack(
            with_file(said, "screenshot", pictures.gif_with_large_frame())
        ),
        "10,000 fields": unreadable(forms.form([(f"f{n}", None, b"x") for n in range(10_000)]), says="more than"),
        "50 MB body": Attack(with_file(said, "attachment", b"x" * 50_000_000), 413, "too-large", ()),
        "file above its limit": Attack(
            with_file(said, "attachment", b"x" * 10_000_001), pointers=("#/attachment/0",), says="10,000,001 bytes"
        ),
        "declared as a picture, is a page": Attack(
            with_file(said, "screenshot", b"<html><script>alert(1)</script>", "a.png", "Content-Type: image/png"),
            says="by its first bytes",
        ),
        "SVG": Attack(
            with_file(said, "screenshot", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.svg")
        ),
        "zip named .png": Attack(with_file(said, "screenshot", archive()), says="a ZIP archive"),
        "zip named .log": Attack(with_file(said, "attachment", archive(), "a.log"), pointers=("#/attachment/0",)),
        "GIF89a<script>": Attack(with_file(said, "screenshot", b"GIF89a<script>alert(1)</script>")),
        "GIF89a<script> as a text": Attack(
            with_file(said, "attachment", b"GIF89a<script>alert(1)</script>", "a.txt"),
            pointers=("#/attachment/0",),
            says="a GIF picture",
        ),
        "NUL in a text": Attack(
            with_file(said, "attachment", b"one\0two", "a.log"), pointers=("#/attachment/0",), says="byte 3 is NUL"
        ),
        "text that is not UTF-8": Attack(
            with_file(said, "attachment", b"caf\xe9", "a.log"), pointers=("#/attachment/0",), says="byte 3 is not UTF-8"
        ),
        "field that is not UTF-8": Attack(
            forms.form([*forms.texts({"stack": "plain"}), (door.text, None, b"\xff")]),
            pointers=(f"#/{door.text}",),
            says="Byte 0 is not UTF-8",
        ),
        "headers of a part that are not UTF-8": unreadable(
            forms.form([b'Content-Disposition: form-data; name="screenshot"; filename="\xff.png"\r\n\r\n' + PNG]),
            says="not UTF-8",
        ),
        "PNG that was cut off": Attack(with_file(said, "screenshot", cut(PNG)), says="cut off"),
        "JPEG that was cut off": Attack(with_file(said, "screenshot", cut(pictures.picture("JPEG"))), says="cut off"),
        "GIF that was cut off": Attack(with_file(said, "screenshot", cut(pictures.animation(9))), says="cut off"),
        "WebP that was cut off": Attack(with_file(said, "screenshot", cut(pictures.picture("WEBP"))), says="cut off"),
        "empty file": Attack(with_file(said, "screenshot", b""), says="empty"),
        "eleven files": Attack(
            forms.form([*forms.texts(said), *[("screenshot", "a.png", PNG)] * 11]), pointers=("#/screenshot/10",)
        ),
        "name of 300 characters": Attack(with_file(said, "screenshot", PNG, "x" * 300), says="255 characters"),
        "no boundary": unreadable(whole, content_type="multipart/form-data", says="boundary"),
        "another boundary": unreadable(whole, content_type="multipart/form-data; boundary=zzz", says="boundary"),
        "boundary of 200 characters": unreadable(
            forms.form([], boundary="x" * 200), content_type=f"multipart/form-data; boundary={'x' * 200}"
        ),
        "form that was cut off": unreadable(whole[:-30], says="cut off"),
        "part with 1 MB of headers": unreadable(
            with_file(said, "screenshot", PNG, "a.png", "X-Long: " + "x" * 1_000_000), says="bytes of headers"
        ),
        "part with 10,000 headers": unreadable(
            with_file(said, "screenshot", PNG, "a.png", *[f"X-{n}: x" for n in range(10_000)])
        ),
        "part without a name": unreadable(forms.form([b"Content-Disposition: form-data\r\n\r\nx"])),
        "part without headers": unreadable(forms.form([b"\r\nx"])),
        "part with half a header": unreadable(forms.form([b"Content-Disposition\r\n\r\nx"])),
        "field that stands twice": Attack(
            forms.form([*forms.texts(said), ("stack", None, b"plain")]), pointers=("#/stack/1",)
        ),
        "unknown part": Attack(
            forms.form([*forms.texts(said), ("file", "a.png", PNG)]), pointers=("#/file",), says="no such field"
        ),
        "part in base64": Attack(
            with_file(said, "screenshot", b"iVBORw0KGgo=", "a.png", "Content-Transfer-Encoding: base64"),
            pointers=("#/screenshot",),
            says="base64",
        ),
        "nothing at all": Attack(b"", pointers=door.missing),
        "noise": unreadable(random.Random(1).randbytes(200_000), says="boundary"),
    }


ATTACKS = tuple(attacks(DOORS["bug report"]))


def nothing_is_stored() -> bool:
    kept = (BugReport, Incident, Run, ManualAction, Attachment, AttachmentContent, AttachmentOriginal)
    told = Entry.objects.filter(verb__in=["bug_report:filed", "manual_action:recorded", "attachment:added"])
    return not any(model.objects.exists() for model in kept) and not told.exists()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_answered_clearly_and_leaves_nothing(
    server: httpx.Client, authorization: dict[str, str], door: Door, name: str
) -> None:
    attack = attacks(door)[name]
    began = time.monotonic()
    headers = {**authorization, "Content-Type": attack.content_type, "Idempotency-Key": "a"}
    answer = server.post(door.path, content=attack.body, headers=headers)
    assert time.monotonic() - began < ANSWER_SECONDS
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (attack.status, f"/api/problems/{attack.kind}/"), problem
    assert tuple(one["pointer"] for one in problem.get("errors", ())) == attack.pointers
    assert attack.says in answer.text
    assert len(answer.content) < 2_000
    assert "alert" not in answer.text
    assert nothing_is_stored()
    assert server.get("/livez").status_code == 200


def filed(
    server: httpx.Client, authorization: dict[str, str], door: Door, *parts: forms.Sent | bytes
) -> list[dict[str, Any]]:
    body = forms.form([*forms.texts(door.fields), *parts])
    answer = server.post(door.path, content=body, headers={**authorization, "Content-Type": forms.CONTENT_TYPE})
    assert answer.status_code == 201, answer.text
    attachments: list[dict[str, Any]] = answer.json()["attachments"]
    return attachments


def prepared(server: httpx.Client, authorization: dict[str, str], attachment: dict[str, Any]) -> httpx.Response:
    """Make a picture anew, as a worker does, and download it."""
    prepare_attachment(attachment_id=attachment["id"])
    return server.get(attachment["links"]["content"], headers=authorization)


@pytest.mark.parametrize(
    ("file_name", "label"),
    [
        ("../../../etc/passwd", "passwd"),
        ("..\\\\..\\\\boot.ini", "boot.ini"),
        ("/absolute/a.log", "a.log"),
        ("a%00b%2f..%2fc.log", "a%00b%2f..%2fc.log"),
        ("gnp\u202egol.a", "gnpgol.a"),
        ("\u0007bell\u200b.log", "bell.log"),
        ("..", "attachment.txt"),
        ("", "attachment.txt"),
        ("x.html", "x.html"),
    ],
)
def test_a_name_is_a_label_and_nothing_else(
    server: httpx.Client, authorization: dict[str, str], door: Door, file_name: str, label: str
) -> None:
    (one,) = filed(server, authorization, door, ("attachment", file_name, b"a log"))
    assert one["name"] == label
    answer = server.get(one["links"]["content"], headers=authorization)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert '.html"' not in answer.headers["content-disposition"]


def test_a_line_of_a_megabyte_is_taken_whole(server: httpx.Client, authorization: dict[str, str], door: Door) -> None:
    (one,) = filed(server, authorization, door, ("attachment", "a.log", b"y" * 1_000_000))
    assert server.get(one["links"]["content"], headers=authorization).content == b"y" * 1_000_000


def test_a_line_beyond_what_can_be_redacted_is_cut_with_a_mark(
    server: httpx.Client, authorization: dict[str, str], door: Door
) -> None:
    (one,) = filed(server, authorization, door, ("attachment", "a.log", b"y" * 5_000_000 + b"\nnext"))
    text = server.get(one["links"]["content"], headers=authorization).text
    assert one["redactions"]["dropped_bytes"] > 3_900_000
    assert "[DROPPED:" in text
    assert text.endswith("\nnext")


def test_a_page_sent_as_a_text_is_a_text(server: httpx.Client, authorization: dict[str, str], door: Door) -> None:
    page = b"<html><script>alert(1)</script></html>"
    (one,) = filed(server, authorization, door, forms.part("attachment", "x.html", page, "Content-Type: text/html"))
    answer = server.get(one["links"]["content"], headers=authorization)
    assert answer.content == page
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_of_what_a_picture_carries_only_its_pixels_come_back(
    server: httpx.Client, authorization: dict[str, str], door: Door
) -> None:
    polyglot = pictures.picture("PNG") + archive() + b"<script>alert(1)</script>"
    photo, both = filed(
        server,
        authorization,
        door,
        ("screenshot", "photo.jpg", pictures.photo_with_place()),
        ("screenshot", "both.png", polyglot),
    )
    assert server.get(photo["links"]["content"], headers=authorization).status_code == 409
    assert b"SecretCamera" not in prepared(server, authorization, photo).content
    answer = prepared(server, authorization, both)
    assert answer.headers["content-type"] == "image/png"
    assert b"script" not in answer.content
    assert b"PK" not in answer.content
    assert not AttachmentOriginal.objects.exists()


def test_of_thousands_of_frames_the_first_is_kept(
    server: httpx.Client, authorization: dict[str, str], door: Door
) -> None:
    (one,) = filed(server, authorization, door, ("screenshot", "a.gif", pictures.animation(5_000)))
    assert one["frames"] == 5_000
    assert prepared(server, authorization, one).headers["content-type"] == "image/png"


def test_a_picture_declared_as_something_else_is_what_it_is(
    server: httpx.Client, authorization: dict[str, str], door: Door
) -> None:
    sent = forms.part("screenshot", "a.exe", pictures.picture("WEBP"), "Content-Type: application/x-msdownload")
    (one,) = filed(server, authorization, door, sent)
    answer = prepared(server, authorization, one)
    assert answer.headers["content-type"] == "image/jpeg"
    assert 'filename="a.jpg"' in answer.headers["content-disposition"]


def test_a_form_in_pieces_is_taken_and_one_that_is_too_large_is_not(
    server: httpx.Client, authorization: dict[str, str], door: Door
) -> None:
    def pieces(body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    headers = {**authorization, "Content-Type": forms.CONTENT_TYPE}
    large = with_file(door.fields, "attachment", b"x" * 33_000_000)
    assert server.post(door.path, content=pieces(large), headers=headers).status_code == 413
    assert nothing_is_stored()
    assert server.post(door.path, content=pieces(whole_form(door)), headers=headers).status_code == 201


def test_a_form_of_the_largest_size_is_taken(server: httpx.Client, authorization: dict[str, str], door: Door) -> None:
    line = b"2026-11-25 api | GET /health 200 0.003\n"
    logs = [("attachment", f"{n}.log", line * (9_900_000 // len(line))) for n in range(3)]
    assert len(filed(server, authorization, door, *logs)) == 3
    assert server.get("/livez").status_code == 200


def test_a_request_with_a_huge_head_is_refused(server: httpx.Client) -> None:
    with socket.create_connection((server.base_url.host, server.base_url.port or 0), timeout=10) as line:
        head = f"POST {FILING} HTTP/1.1\r\nHost: localhost\r\nX-Long: {'x' * 1_000_000}\r\n\r\n"
        try:
            line.sendall(head.encode())
            assert line.recv(100).startswith((b"HTTP/1.1 4", b""))
        except ConnectionError:
            pass
    assert server.get("/livez").status_code == 200
