"""Tokens of a real authority are taken, exported and verified by openssl; all others are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from awe_incidents.audit.anchor_settings import configured_anchors
from awe_incidents.audit.anchors import Held
from awe_incidents.audit.cosignature import now
from awe_incidents.audit.errors import AnchorAway, AnchorRefused, AnchorUnusable
from awe_incidents.audit.published_log import Published
from awe_incidents.audit.timestamping import TimestampAuthority, read_certificates
from tests.audit import witnesses
from tests.audit.authority import Authority
from tests.audit.witnesses import GrowingLog, saying


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tsa")


@pytest.fixture
def published(tmp_path: Path) -> Published:
    found = Published.read(GrowingLog().publish(tmp_path / "trail", 5))
    assert found is not None
    return found


def stamped(answer: witnesses.Answering, pinned: Authority, one: Published, *, clock: Callable[[], int] = now) -> Held:
    with witnesses.answering(answer) as url:
        return TimestampAuthority(url, read_certificates(pinned.root), clock=clock).hold(one, held=0)


def test_a_token_is_taken_and_openssl_verifies_it(authority: Authority, published: Published, tmp_path: Path) -> None:
    held = stamped(authority, authority, published)
    (tmp_path / "note").write_bytes(bytes(published.note))
    (tmp_path / "token").write_bytes(held.proof)
    assert authority.verifies(tmp_path / "note", tmp_path / "token")
    (tmp_path / "note").write_bytes(bytes(published.note) + b"\n")
    assert not authority.verifies(tmp_path / "note", tmp_path / "token")


def test_a_token_of_another_authority_is_refused(authority: Authority, published: Published, tmp_path: Path) -> None:
    """It has the same names and brings its own certificates, root and all."""
    with pytest.raises(AnchorUnusable, match="pinned certificates"):
        stamped(Authority(tmp_path / "other"), authority, published)


def test_a_token_of_another_note_is_refused(authority: Authority, published: Published) -> None:
    with pytest.raises(AnchorUnusable, match="pinned certificates"):
        stamped(authority.of_something_else(), authority, published)


def test_an_old_token_does_not_pass_for_a_new_one(authority: Authority, published: Published) -> None:
    old = stamped(authority, authority, published).proof
    with pytest.raises(AnchorUnusable, match=r"(?i)nonce"):
        stamped(saying(200, old), authority, published)


def test_a_changed_token_is_refused(authority: Authority, published: Published) -> None:
    def changed(handler: object) -> None:
        body = bytearray(authority.stamp(handler.rfile.read()))  # type: ignore[attr-defined]
        body[-10] ^= 1
        saying(200, bytes(body))(handler)  # type: ignore[arg-type]

    with pytest.raises(AnchorUnusable):
        stamped(changed, authority, published)


def test_a_clock_that_is_far_off_is_told(authority: Authority, published: Published) -> None:
    with pytest.raises(AnchorUnusable, match=r"differ by -?\d+ s"):
        stamped(authority, authority, published, clock=lambda: now() - 1000)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (saying(200), AnchorUnusable),
        (saying(200, b"\x30\x05\x30\x03\x02\x01\x02"), AnchorUnusable),  # a refusal, by the text
        (saying(200, b"<html>"), AnchorUnusable),
        (saying(404), AnchorUnusable),
        (saying(302, Location="http://127.0.0.1:1/"), AnchorUnusable),
        (saying(503), AnchorAway),
    ],
)
def test_what_is_no_token_is_refused(
    authority: Authority, published: Published, answer: witnesses.Answering, kind: type[AnchorRefused]
) -> None:
    with pytest.raises(kind):
        stamped(answer, authority, published)


def test_certificates_are_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWE_TRAIL_TSA", "http://time.example/stamp")
    with pytest.raises(AnchorUnusable, match="AWE_TRAIL_TSA_CERTIFICATES"):
        configured_anchors()
    monkeypatch.setenv("AWE_TRAIL_TSA_CERTIFICATES", str(tmp_path / "none.pem"))
    with pytest.raises(AnchorUnusable, match="no certificates in PEM"):
        configured_anchors()
    monkeypatch.setenv("AWE_TRAIL_TSA_CERTIFICATES", str(Authority(tmp_path / "tsa").root))
    [one] = configured_anchors()
    assert (one.anchor.name, one.anchor.kind, one.every_seconds) == ("time.example", "timestamp", 3600)
