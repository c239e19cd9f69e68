"""The signed log over HTTP: the same files that the signer publishes, from rows, and proofs that it only grew."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.audit import merkle
from awe_incidents.audit.models import Entry
from awe_incidents.audit.tiles import TileName, tiles_of, width_at
from diagnostics.models import Stack
from tests.api.conftest import client_with, pointers_of, problem_of, token_of
from tests.api.trail import Signing, recorded
from tests.audit import rows

AUDIT = "/api/v1/audit/"
LOG = f"{AUDIT}log/"


@pytest.fixture
def client(auditor: User) -> APIClient:
    """The auditor's client."""
    return client_with(token_of(auditor))


@pytest.mark.parametrize("path", [f"{AUDIT}checkpoint/", f"{LOG}checkpoint"])
def test_the_checkpoint_is_the_note_that_was_published(
    client: APIClient, stack: Stack, signing: Signing, path: str
) -> None:
    problem_of(client.get(path), 409, "awaits-signature")
    signing.sign()
    answer = client.get(path)
    assert answer.content == signing.published("checkpoint")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, max-age=5"
    again = {"If-None-Match": answer.headers["ETag"]}
    assert client.get(path, headers=again).status_code == 304
    recorded(stack)
    signing.sign()
    assert client.get(path, headers=again).content == signing.published("checkpoint")


@pytest.mark.parametrize("number", [1, 300, 66_000])
def test_every_tile_is_the_file_that_the_signer_publishes(client: APIClient, signing: Signing, number: int) -> None:
    rows.insert_many(number)
    size = signing.sign().size
    names = list(tiles_of(size))
    for name in names if len(names) < 20 else [*names[:2], *names[-12:]]:
        answer = client.get(f"{LOG}{name}")
        assert answer.content == signing.published(str(name)), name
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert "Authorization" in answer.headers["Vary"]
    assert any(name.level == 2 for name in names) == (number == 66_000)


def test_a_smaller_part_of_a_tile_is_its_beginning(client: APIClient, signing: Signing) -> None:
    rows.insert_many(5)
    signing.sign()
    whole = client.get(f"{LOG}{TileName(0, 0, width_at(Entry.objects.count(), level=0, index=0))}").content
    assert client.get(f"{LOG}tile/0/000.p/3").content == whole[: 3 * 32]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000",  # not full yet
        "tile/0/000.p/200",
        "tile/entries/000",
        "tile/0/001",
        "tile/1/000.p/1",
        "tile/63/000.p/1",
        "tile/64/000.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999.p/1",
        "tile/0/x000/000.p/1",
        "tile/0/0.p/1",
        "tile/00/000.p/1",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/-1/000.p/1",
        "tile/entries/../../../checkpoint",
        "tile/",
    ],
)
def test_a_tile_that_is_not_there_is_not_found(client: APIClient, stack: Stack, signing: Signing, path: str) -> None:
    recorded(stack, 3)
    signing.sign()
    problem_of(client.get(f"{LOG}{path}"), 404, "not-found")


def test_what_waits_for_its_signature_is_in_no_tile(client: APIClient, stack: Stack, signing: Signing) -> None:
    recorded(stack)
    size = signing.sign().size
    recorded(stack)
    signing.sequence()
    for level in ("0", "entries"):
        assert client.get(f"{LOG}tile/{level}/000.p/{size}").status_code == 200
        problem_of(client.get(f"{LOG}tile/{level}/000.p/{size + 1}"), 404, "not-found")


@pytest.mark.parametrize("level", ["0", "entries"])
def test_a_tile_with_a_row_that_is_gone_is_not_given(
    client: APIClient, stack: Stack, signing: Signing, level: str
) -> None:
    recorded(stack, 3)
    size = signing.sign().size
    rows.tamper("DELETE FROM audit_leaf WHERE index = 1")
    problem_of(client.get(f"{LOG}tile/{level}/000.p/{size}"), 500, "trail-broken")


def consistency(client: APIClient, **sizes: int) -> dict[str, Any]:
    answer = client.get(f"{AUDIT}consistency/", sizes)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_a_log_is_proved_to_have_grown(client: APIClient, stack: Stack, signing: Signing) -> None:
    kept = []
    for number in (1, 255, 1, 60):
        recorded(stack, number)
        kept.append(signing.sign())
    for old in kept:
        body = consistency(client, **{"from": old.size})
        assert body["origin"] == old.origin
        assert body["from"] == {"size": old.size, "root": base64.b64encode(old.root).decode()}
        assert body["to"] == {"size": kept[-1].size, "root": base64.b64encode(kept[-1].root).decode()}
        merkle.verify_consistency(
            old_size=old.size,
            old_root=old.root,
            new_size=kept[-1].size,
            new_root=kept[-1].root,
            proof=[base64.b64decode(one) for one in body["hashes"]],
        )
    between = consistency(client, **{"from": 2, "to": 100})
    assert (between["from"]["size"], between["to"]["size"]) == (2, 100)
    assert consistency(client, **{"from": kept[-1].size})["hashes"] == []


def test_sizes_that_cannot_be_are_refused_in_words(client: APIClient, stack: Stack, signing: Signing) -> None:
    recorded(stack, 3)
    size = signing.sign().size
    for query, pointer, words in (
        ("", "from", "required"),
        ("from=0", "from", "greater than or equal to 1"),
        ("from=-1", "from", "valid"),
        ("from=x", "from", "valid"),
        ("from=3&to=2", "to", "smaller than from"),
        (f"from={size + 1}", "from", f"{size} entries are signed"),
        (f"from=1&to={size + 1}", "to", f"{size} entries are signed"),
        (f"from=1&to={2**63}", "to", "less than or equal"),
        ("from=1&upto=2", "upto", "no such parameter"),
    ):
        body = problem_of(client.get(f"{AUDIT}consistency/?{query}"), 400, "invalid")
        assert pointers_of(body) == [("query", f"#/{pointer}")], query
        assert words in body["errors"][0]["detail"]


def test_no_consistency_is_proved_between_trees_that_were_not_signed(
    client: APIClient, stack: Stack, signing: Signing
) -> None:
    recorded(stack, 3)
    old = signing.sign()
    recorded(stack, 3)
    signing.sign()
    assert consistency(client, **{"from": old.size})["hashes"]
    rows.tamper("UPDATE audit_entry SET body = replace(body::text, encode('tried', 'hex'), 'aa')::bytea")
    problem_of(client.get(f"{AUDIT}consistency/?from={old.size}"), 500, "trail-broken")
