"""What a witness answers, over real HTTP, and what is made of it: signatures, another try, or an alarm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from awe_incidents.audit import posting
from awe_incidents.audit.anchor_settings import configured_anchors
from awe_incidents.audit.anchors import Held
from awe_incidents.audit.cosignature import CosignatureVerifier, Ed25519Cosigner, now
from awe_incidents.audit.errors import AnchorAway, AnchorContradicts, AnchorRefused, AnchorUnusable
from awe_incidents.audit.note import Note, PublicKey, Signature
from awe_incidents.audit.published_log import Published
from awe_incidents.audit.witness import Witness
from awe_incidents.audit.witness_client import WitnessClient
from tests.audit import logs, witnesses
from tests.audit.rows import ROOT
from tests.audit.witnesses import GrowingLog, evidence, latest, opened, saying

LOG = GrowingLog()
FORK = GrowingLog(fork_at=3)
OTHER = Ed25519Cosigner("witness.example/w1", logs.key(55), clock=now)


def published(folder: Path, size: int, *, log: GrowingLog = LOG) -> Published:
    found = Published.read(log.publish(folder, size))
    assert found is not None
    return found


def asked(url: str, key: PublicKey, one: Published, *, held: int = 0) -> Held:
    return WitnessClient(url, [key], clock=now).hold(one, held=held)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return opened(tmp_path / "witness", LOG, now=None)


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    with witnesses.listening(witness) as address:
        yield address


def check(held: Held, one: Published, key: PublicKey) -> None:
    note = Note(one.note.text, held.signatures)
    assert len(note.verified([CosignatureVerifier(key)])) == 1


def test_a_log_that_grows_is_signed_each_time(witness: Witness, url: str, tmp_path: Path) -> None:
    [key], size = witnesses.keys(witness), 0
    for new in (1, 5, 255, 256, 300, 300):
        one = published(tmp_path / "trail", new)
        check(asked(url, key, one, held=size), one, key)
        size = new
        assert latest(tmp_path / "witness") == {LOG.origin: new}


@pytest.mark.parametrize("held", [0, 3, 5, 7, 9, 900])
def test_what_was_forgotten_is_learnt_from_the_witness(witness: Witness, url: str, tmp_path: Path, held: int) -> None:
    [key] = witnesses.keys(witness)
    asked(url, key, published(tmp_path / "trail", 5))
    one = published(tmp_path / "trail", 9)
    check(asked(url, key, one, held=held), one, key)


def test_a_witness_that_was_killed_before_it_answered_is_asked_again(tmp_path: Path) -> None:
    folder, port = tmp_path / "witness", witnesses.free_port()
    one = published(tmp_path / "trail", 5)
    [key] = witnesses.keys(opened(folder, LOG))
    words = witnesses.arguments(folder, port, LOG.vkey)
    dying = subprocess.Popen(
        [sys.executable, "-m", "tests.audit.dying_witness", "witness", *words], cwd=ROOT, start_new_session=True
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            witnesses.wait_for(http, dying)
        with pytest.raises(AnchorAway):
            asked(f"http://127.0.0.1:{port}", key, one)
        assert latest(folder) == {LOG.origin: 5}, "it was stored, and nobody was told"
    finally:
        os.killpg(dying.pid, signal.SIGKILL)
        dying.wait(60)
    with witnesses.serving(folder, LOG.vkey) as http:
        check(asked(str(http.base_url), key, one), one, key)
        one = published(tmp_path / "trail", 9)
        check(asked(str(http.base_url), key, one), one, key)


def test_a_fork_of_the_same_size_is_an_alarm_and_kept(witness: Witness, url: str, tmp_path: Path) -> None:
    [key] = witnesses.keys(witness)
    asked(url, key, published(tmp_path / "trail", 5))
    fork = published(tmp_path / "fork", 5, log=FORK)
    for held in (0, 5):
        with pytest.raises(AnchorContradicts, match="split view"):
            asked(url, key, fork, held=held)
    [kept] = evidence(tmp_path / "witness")
    assert bytes(LOG.checkpoint(5)) in kept
    assert bytes(FORK.checkpoint(5)) in kept


def test_a_fork_of_another_size_is_an_alarm_and_kept(witness: Witness, url: str, tmp_path: Path) -> None:
    [key] = witnesses.keys(witness)
    asked(url, key, published(tmp_path / "trail", 5))
    with pytest.raises(AnchorContradicts, match="a fork"):
        asked(url, key, published(tmp_path / "fork", 9, log=FORK), held=5)
    assert len(evidence(tmp_path / "witness")) == 1
    assert latest(tmp_path / "witness") == {LOG.origin: 5}


def test_a_log_that_was_set_back_is_an_alarm(witness: Witness, url: str, tmp_path: Path) -> None:
    [key] = witnesses.keys(witness)
    asked(url, key, published(tmp_path / "trail", 9))
    for held in (0, 5, 9):
        with pytest.raises(AnchorContradicts, match="9 entries, and the log has 5: the log was set back"):
            asked(url, key, published(tmp_path / "old", 5), held=held)


def test_a_newer_checkpoint_by_somebody_else_is_no_alarm(witness: Witness, url: str, tmp_path: Path) -> None:
    [key] = witnesses.keys(witness)
    older = published(tmp_path / "trail", 5)
    asked(url, key, published(tmp_path / "trail", 9))
    with pytest.raises(AnchorAway, match="meanwhile"):
        asked(url, key, older)


def test_who_is_not_known_is_told_what_to_configure(witness: Witness, url: str, tmp_path: Path) -> None:
    [key] = witnesses.keys(witness)
    stranger = GrowingLog("stranger.example/log", seed=7)
    with pytest.raises(AnchorUnusable, match=r"does not know the log stranger\.example/log") as refused:
        asked(url, key, published(tmp_path / "stranger", 5, log=stranger))
    assert stranger.vkey in str(refused.value)
    renewed = GrowingLog(seed=7)
    with pytest.raises(AnchorUnusable, match="under another key") as refused:
        asked(url, key, published(tmp_path / "renewed", 5, log=renewed))
    assert renewed.vkey in str(refused.value)


def test_a_signature_by_another_key_of_the_name_does_not_count(witness: Witness, url: str, tmp_path: Path) -> None:
    with pytest.raises(AnchorAway, match="without a signature by the pinned key"):
        asked(url, OTHER.key, published(tmp_path / "trail", 5))


def signing(text: bytes, cosigner: Ed25519Cosigner) -> bytes:
    return f"{Signature(cosigner.key.name, cosigner.key.id, cosigner.sign(text))}\n".encode()


def test_a_signature_over_another_root_does_not_count(tmp_path: Path) -> None:
    answer = saying(200, signing(bytes(FORK.checkpoint(5)), OTHER))
    with witnesses.answering(answer) as url, pytest.raises(AnchorAway, match="did not make the signature"):
        asked(url, OTHER.key, published(tmp_path / "trail", 5))


def test_signatures_of_unknown_keys_beside_the_pinned_one_are_ignored(tmp_path: Path) -> None:
    text = bytes(LOG.checkpoint(5))
    stranger = Ed25519Cosigner("stranger.example", logs.key(56), clock=now)
    with witnesses.answering(saying(200, signing(text, stranger) + signing(text, OTHER))) as url:
        held = asked(url, OTHER.key, published(tmp_path / "trail", 5))
    assert [one.name for one in held.signatures] == [OTHER.key.name]


def test_a_clock_that_is_far_off_is_told_and_not_taken(tmp_path: Path) -> None:
    late = Ed25519Cosigner(OTHER.key.name, logs.key(55), clock=lambda: now() - 1000)
    answer = saying(200, signing(bytes(LOG.checkpoint(5)), late))
    with witnesses.answering(answer) as url, pytest.raises(AnchorUnusable, match=r"differ by -100[01] s"):
        asked(url, late.key, published(tmp_path / "trail", 5))


def chunk_for_ever(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65_536)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.2)


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def speak_otherwise(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\0\1\2\n")


@contextmanager
def quietly(answer: witnesses.Answering) -> Iterator[str]:
    """Serve what ends when the client has had enough."""

    def ending(handler: BaseHTTPRequestHandler) -> None:
        try:
            answer(handler)
        except OSError:
            handler.close_connection = True

    with witnesses.answering(ending) as url:
        yield url


ANSWERS: dict[str, tuple[witnesses.Answering, type[AnchorRefused], str]] = {
    "nothing": (saying(200), AnchorAway, "without a signature"),
    "no signature": (saying(200, b"thank you\n"), AnchorAway, "without a signature"),
    "no text": (saying(200, bytes(range(256))), AnchorAway, "without a signature"),
    "fault": (saying(500, b"sorry\x1b[31m\n"), AnchorAway, r"answers 500: sorry \[31m"),
    "overloaded": (saying(429), AnchorAway, "429"),
    "elsewhere": (saying(307, Location="http://127.0.0.1:1/"), AnchorUnusable, "redirect"),
    "not here": (saying(405), AnchorUnusable, "405"),
    "proof refused": (saying(422, b"no\n"), AnchorContradicts, "fork"),
    "no size": (saying(409, b"no\n"), AnchorContradicts, "split view"),
    "odd size": (saying(409, b"-1\n", Content_Type="text/x.tlog.size"), AnchorAway, "none"),
    "size again": (saying(409, b"4\n", Content_Type="text/x.tlog.size"), AnchorContradicts, "split view"),
    "larger": (saying(409, b"8\n", Content_Type="text/x.tlog.size"), AnchorContradicts, "set back"),
    "without end": (chunk_for_ever, AnchorAway, "larger than"),
    "drop by drop": (drip, AnchorAway, "no answer"),
    "hanging": (hang, AnchorAway, "no answer"),
    "no status": (speak_otherwise, AnchorAway, "no answer"),
    "packed": (saying(200, b"x" * 100, Content_Encoding="gzip"), AnchorAway, "without a signature"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_other_answer_is_refused_by_its_kind(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "READ_SECONDS", 0.5)
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 1.5)
    answer, kind, words = ANSWERS[name]
    one, began = published(tmp_path / "trail", 5), time.monotonic()
    with quietly(answer) as url, pytest.raises(kind, match=words):
        asked(url, OTHER.key, one, held=2)
    assert time.monotonic() - began < 10


def test_who_is_not_there_is_away(tmp_path: Path) -> None:
    with pytest.raises(AnchorAway, match="no answer"):
        asked(f"http://127.0.0.1:{witnesses.free_port()}", OTHER.key, published(tmp_path / "trail", 5))


def test_tiles_that_do_not_fit_are_waited_for(witness: Witness, url: str, tmp_path: Path) -> None:
    [key] = witnesses.keys(witness)
    one = published(tmp_path / "trail", 5)
    (tmp_path / "trail" / "log" / "tile" / "0" / "000.p" / "5").write_bytes(bytes(5 * 32))
    with pytest.raises(AnchorAway, match="tiles"):
        asked(url, key, one)


def test_two_services_witness_each_other(tmp_path: Path) -> None:
    """Each has a log and a witness of its own, as processes, and each signs what the other shows."""
    ours, theirs = GrowingLog("ours.example/awe"), GrowingLog("theirs.example/awe", seed=3)
    with (
        witnesses.serving(tmp_path / "w1", theirs.vkey) as first,
        witnesses.serving(tmp_path / "w2", ours.vkey) as second,
    ):
        pairs: list[tuple[GrowingLog, httpx.Client, Callable[[], Witness]]] = [
            (ours, second, lambda: opened(tmp_path / "w2")),
            (theirs, first, lambda: opened(tmp_path / "w1")),
        ]
        for size in (3, 300):
            for log, http, reopened in pairs:
                [key] = witnesses.keys(reopened())
                one = published(tmp_path / log.origin.partition(".")[0], size, log=log)
                check(asked(str(http.base_url), key, one), one, key)
    assert latest(tmp_path / "w1") == {theirs.origin: 300}
    assert latest(tmp_path / "w2") == {ours.origin: 300}


def test_witnesses_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    second = Ed25519Cosigner("witness.example/w2", logs.key(57), clock=now)
    lines = f"# ours\nhttp://127.0.0.1:1/w1/ {OTHER.key}\n\n  https://w2.example {second.key}\n"
    monkeypatch.setenv("AWE_TRAIL_WITNESSES", lines)
    monkeypatch.setenv("AWE_ANCHOR_SECONDS", "7")
    assert [(one.anchor.name, one.every_seconds) for one in configured_anchors()] == [
        ("witness.example/w1", 7),
        ("witness.example/w2", 7),
    ]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWE_TRAIL_WITNESSES": "https://w.example"}, "and the witness's key"),
        ({"AWE_TRAIL_WITNESSES": f"ftp://w.example {OTHER.key}"}, "http or https"),
        ({"AWE_TRAIL_WITNESSES": "https://w.example no+key"}, "a key that cannot be used"),
        ({"AWE_TRAIL_WITNESSES": f"https://w.example {LOG.vkey}"}, "not of a cosigner"),
        ({"AWE_TRAIL_WITNESSES": f"https://w.example {OTHER.key}\n" * 2}, "configured twice"),
        ({"AWE_TRAIL_WITNESSES": f"https://w.example {OTHER.key}", "AWE_ANCHOR_SECONDS": "soon"}, "AWE_ANCHOR_SECONDS"),
    ],
)
def test_what_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AnchorUnusable, match=words):
        configured_anchors()
