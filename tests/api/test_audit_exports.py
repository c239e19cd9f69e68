"""The whole trail over HTTP: an archive that verifies when it is unpacked, and the keys by which it is verified."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from jsonschema import Draft202012Validator
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.api.v1 import audit_exports
from awe_incidents.audit import verify_trail
from awe_incidents.audit.erasing import erase_texts
from awe_incidents.audit.tiles import tiles_of
from awe_incidents.gateway import WHOLE_BYTES
from diagnostics.models import Stack
from tests.api.conftest import client_with, pointers_of, problem_of, token_of
from tests.api.trail import Signing, recorded, signing_in
from tests.api.web_server import database_url, serving
from tests.audit import logs, rows
from tests.conftest import SETUP

EXPORT = "/api/v1/audit/export/"
KEYS = "/.well-known/awe-trail-keys"


@pytest.fixture
def client(auditor: User) -> APIClient:
    """The auditor's client."""
    return client_with(token_of(auditor))


def unpacked(answer: Any, folder: Path) -> Path:
    """Unpack an answer as an auditor does."""
    assert answer.status_code == 200, answer.content
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def test_an_export_is_verified_in_another_process(
    client: APIClient, stack: Stack, signing: Signing, tmp_path: Path
) -> None:
    recorded(stack, 300, incident_id=7, because="it was so")
    signing.sign()
    recorded(stack, 10)
    size = signing.sign().size
    answer = client.get(EXPORT)
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="trail.zip"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    bundle = unpacked(answer, tmp_path / "bundle")
    done = signing.verify(str(bundle))
    report = json.loads(done.stdout)
    assert (report["verdict"], report["size"], done.returncode) == ("UNANCHORED", size, 3)
    assert (bundle / "vkeys").read_text().splitlines() == lines_of(signing)
    assert (bundle / "checkpoint").read_bytes() == signing.published("checkpoint")
    assert "it was so" in (bundle / "disclosures.jsonl").read_text()


def test_an_export_holds_the_files_of_a_bundle(
    client: APIClient, stack: Stack, signing: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(stack, 300)
    signing.sign()
    monkeypatch.setenv("AWE_TRAIL_DIR", str(signing.path))
    call_command("export_trail", tmp_path / "by-command")
    unpacked(client.get(EXPORT), tmp_path / "by-http")
    by_command, by_http = (_contents(tmp_path / name) for name in ("by-command", "by-http"))
    assert by_http == by_command


def test_what_is_exported_is_of_the_form_that_its_schema_says(
    client: APIClient, stack: Stack, signing: Signing, tmp_path: Path
) -> None:
    recorded(stack, 2, incident_id=7, data={"number": 1})
    signing.sign()
    bundle = unpacked(client.get(EXPORT), tmp_path / "bundle")
    schema = json.loads((bundle / "schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    forms = {name: Draft202012Validator({"$ref": f"#/$defs/{name}", **schema}) for name in schema["$defs"]}
    seen = {"entry": verify_trail.split(next((bundle / "tile/entries/000.p").iterdir()).read_bytes())}
    seen |= {name: (bundle / f"{name}.jsonl").read_bytes().splitlines() for name in ("projection", "disclosures")}
    assert set(seen) == set(forms)
    for name, lines in seen.items():
        assert lines
        for line in lines:
            forms[name].validate(json.loads(line))
            assert not forms[name].is_valid({**json.loads(line), "more": 1})
            assert not forms[name].is_valid({})


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_texts_are_left_out_where_they_are_not_wanted(
    client: APIClient, stack: Stack, signing: Signing, tmp_path: Path
) -> None:
    recorded(stack, because="not for everybody")
    signing.sign()
    bundle = unpacked(client.get(EXPORT, {"texts": "false"}), tmp_path / "bundle")
    assert not (bundle / "disclosures.jsonl").exists()
    assert json.loads(signing.verify(str(bundle)).stdout)["verdict"] == "UNANCHORED"
    assert pointers_of(problem_of(client.get(EXPORT, {"texts": "no"}), 400, "invalid")) == [("query", "#/texts")]


def test_an_export_waits_for_the_signature_of_an_erasure(
    client: APIClient, stack: Stack, signing: Signing, tmp_path: Path
) -> None:
    problem_of(client.get(EXPORT), 409, "awaits-signature")
    (entry,) = recorded(stack, because="a name that nobody may read any more")
    signing.sign()
    erase_texts(event_id=entry.event_id, by=SETUP, at=timezone.now(), because="asked for")
    assert "erasure" in problem_of(client.get(EXPORT), 409, "awaits-signature")["detail"]
    unpacked(client.get(EXPORT, {"texts": "false"}), tmp_path / "without-texts")
    signing.sign()
    bundle = unpacked(client.get(EXPORT), tmp_path / "bundle")
    assert json.loads(signing.verify(str(bundle)).stdout)["verdict"] == "UNANCHORED"


def test_one_export_at_a_time_is_sent(
    client: APIClient, stack: Stack, signing: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(stack)
    signing.sign()
    running = client.get(EXPORT)
    answer = client.get(EXPORT)
    problem_of(answer, 503, "export-runs")
    assert int(answer.headers["Retry-After"]) > 0
    head = client.head(EXPORT)
    assert (head.status_code, head.content) == (200, b"")
    unpacked(running, tmp_path / "bundle")
    broken_off: Any = client.get(EXPORT)
    next(iter(broken_off.streaming_content))
    broken_off.close()
    unpacked(client.get(EXPORT), tmp_path / "again")
    assert audit_exports._free.acquire(blocking=False)
    audit_exports._free.release()


def test_what_was_exported_is_not_sent_again(client: APIClient, stack: Stack, signing: Signing, tmp_path: Path) -> None:
    recorded(stack)
    signing.sign()
    etag = {"If-None-Match": client.head(EXPORT).headers["ETag"]}
    assert client.get(EXPORT, headers=etag).status_code == 304
    unpacked(client.get(EXPORT, {"texts": "false"}, headers=etag), tmp_path / "without-texts")
    recorded(stack)
    signing.sign()
    unpacked(client.get(EXPORT, headers=etag), tmp_path / "later")


def lines_of(signing: Signing) -> list[str]:
    return [f"{vkey} 0-" for vkey in signing.vkeys]


def test_a_large_export_is_streamed_by_the_real_server_and_may_be_broken_off(
    auditor: User, signing: Signing, tmp_path: Path
) -> None:
    rows.insert_many(40_000)
    size = signing.sign().size
    headers = {"Authorization": f"Bearer {token_of(auditor)}"}
    with serving(database_url(), tmp_path / "web.log") as server:
        with server.stream("GET", EXPORT, headers=headers) as answer:
            assert answer.status_code == 200
            assert next(answer.iter_raw())
        ends_at = time.monotonic() + 60
        while (answer := server.get(EXPORT, headers=headers)).status_code == 503:
            assert time.monotonic() < ends_at, "the export that was broken off goes on"
            time.sleep(0.2)
        assert server.get(KEYS).text.splitlines() == lines_of(signing)
    assert "content-length" not in answer.headers
    assert len(answer.content) > WHOLE_BYTES
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = {name for name in archive.namelist() if name.startswith("tile/")}
        assert names == {str(name) for name in tiles_of(size)}
        assert all(archive.read(name) == signing.published(name) for name in names)


def test_the_keys_are_there_for_everybody(
    signing: Signing, stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = Client()
    body = client.get(KEYS)
    assert (body.status_code, body.headers["Content-Type"]) == (503, "application/problem+json")
    assert "sign_trail" in body.json()["detail"]
    assert int(body.headers["Retry-After"]) > 0
    signing.sign()
    answer = client.get(KEYS)
    assert answer.content.decode().splitlines() == lines_of(signing)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    told = client.get(KEYS, headers={"Accept": "application/json"}).json()
    keys = [{"vkey": vkey, "first": 0, "last": None} for vkey in signing.vkeys]
    assert told == {"origin": logs.ORIGIN, "keys": keys}
    assert client.get(KEYS, headers={"Accept": "image/png"}).status_code == 406
    assert client.post(KEYS).status_code == 405
    signing.sign()
    assert client.get(KEYS).content.decode().splitlines() == lines_of(signing), "also after the signer started again"


def test_the_keys_of_a_new_log_take_the_place_of_the_old_ones(signing: Signing, stack: Stack, tmp_path: Path) -> None:
    signing.sign()
    with signing_in(tmp_path / "other", origin="trail.example/second") as other:
        other.publish_keys()
        assert Client().get(KEYS).content.decode().splitlines() == lines_of(other)
