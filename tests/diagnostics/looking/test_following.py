"""Logs shown redacted while they are written: nothing leaves before it is known to be no secret."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diagnostics.looking.following import Feed, Following, StackRedactor
from diagnostics.redaction import RedactionFailed
from diagnostics.stack import SecretReference
from tests.diagnostics import looks
from tests.diagnostics.applications import PASSWORD
from tests.diagnostics.brokers import wait_until

BODY = [
    "MIIEowIBAAKCAQEAvFJx1nBq3mYtq3nJ8m2Vt0s2cE8mWvJYtVb1q5bq7X8Zp0Qk",
    "rT2mWl9Q1aVtq3nJ8m2Vt0s2cE8mWvJYtVb1q5bq7X8Zp0QkrT2mWl9Q1aVtq3nJ",
    "8m2Vt0s2cE8mWvJYtVb1q5bq7Q==",
]
KEY_LINES = ["-----BEGIN RSA PRIVATE KEY-----", *BODY, "-----END RSA PRIVATE KEY-----"]
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwcm9iZSJ9.c2lnbmF0dXJlLW9mLW5vYm9keQ"


class Pushed:
    """A source that gives what a test pushes, as a container's stream would."""

    def __init__(self, *pieces: bytes, name: str = "pushed") -> None:
        self.name = name
        self.is_found = True
        self.pieces = deque(pieces)
        self.notes: list[str] = []

    def read(self) -> bytes:
        return self.pieces.popleft() if self.pieces else b""

    def happened(self) -> list[str]:
        notes, self.notes = self.notes, []
        return notes

    def close(self) -> None:
        return None


class Shown:
    """What came out."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.notes: list[str] = []

    def show(self, name: str, lines: object) -> None:
        self.lines += [f"{line}" for line in lines]  # type: ignore[attr-defined]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def redactor(tmp_path: Path) -> StackRedactor:
    (tmp_path / "password").write_text(PASSWORD)
    from diagnostics.stack import Database, Service

    database = Database(
        name="main", service="db", host="h", port=1, dbname="d", user="u", password=SecretReference("file", "password")
    )
    return StackRedactor(
        looks.stack(tmp_path, services={"db": Service(name="db", role="database")}, databases={"main": database})
    )


@pytest.fixture
def following(redactor: StackRedactor) -> Iterator[Callable[..., tuple[Following, Shown]]]:
    """Follow sources in a thread until the test ends."""
    ends: list[threading.Event] = []

    def start(*sources: Pushed) -> tuple[Following, Shown]:
        shown, ended = Shown(), threading.Event()
        first = redactor.changed()
        assert first is not None
        followed = Following(
            feeds=[Feed(source, first.stream()) for source in sources],
            redactor=redactor,
            show=shown.show,
            note=shown.notes.append,
            poll_seconds=0.01,
        )
        ends.append(ended)

        def run() -> None:
            while not ended.is_set():
                followed._renew()
                have_come = [followed._turn(feed) for feed in followed.feeds]
                time.sleep(0 if any(have_come) else 0.01)

        threading.Thread(target=run, daemon=True).start()
        return followed, shown

    yield start
    for ended in ends:
        ended.set()


def read_all(redactor: StackRedactor, *pieces: bytes) -> Shown:
    shown, first = Shown(), redactor.changed()
    assert first is not None
    feed = Feed(Pushed(*pieces), first.stream())
    Following(feeds=[feed], redactor=redactor, show=shown.show, note=shown.notes.append).read_to_end()
    return shown


def test_lines_come_redacted_as_they_are_written(following: Callable[..., tuple[Following, Shown]]) -> None:
    source = Pushed(b"ready\n")
    _, shown = following(source)
    wait_until(lambda: shown.lines == ["ready"])
    source.pieces.append(f"got {JWT} and {PASSWORD[:9]}".encode())
    source.pieces.append(f"{PASSWORD[9:]} here\n".encode())
    wait_until(lambda: len(shown.lines) == 2)
    assert JWT not in shown.text
    assert PASSWORD not in shown.text
    assert shown.lines[1].endswith(" here")


@pytest.mark.parametrize("size", [1, 17, 64, 10_000])
def test_a_key_over_many_lines_is_gone_wherever_it_is_cut(redactor: StackRedactor, size: int) -> None:
    data = "\n".join(["before", *KEY_LINES, "after", ""]).encode()
    shown = read_all(redactor, *(data[at : at + size] for at in range(0, len(data), size)))
    assert shown.lines[0] == "before"
    assert shown.lines[-1] == "after"
    assert not any(line in shown.text for line in BODY)


def test_a_key_that_is_written_line_by_line_shows_none_of_them(
    following: Callable[..., tuple[Following, Shown]],
) -> None:
    source = Pushed()
    _, shown = following(source)
    for line in ["before", *KEY_LINES, "after"]:
        source.pieces.append(f"{line}\n".encode())
        time.sleep(0.03)
    wait_until(lambda: "after" in shown.lines)
    assert not any(line in shown.text for line in BODY)


def test_the_rest_of_a_key_without_its_beginning_waits_and_that_is_said(
    following: Callable[..., tuple[Following, Shown]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnostics.looking.following.PATIENCE_SECONDS", 0.1)
    source = Pushed(f"{BODY[1]}\n".encode())
    _, shown = following(source)
    wait_until(lambda: shown.notes)
    assert "perhaps a key's" in shown.notes[0]
    assert shown.lines == []
    source.pieces.append(f"{BODY[2]}\n{KEY_LINES[-1]}\nafter\n".encode())
    wait_until(lambda: "after" in shown.lines)
    assert not any(line in shown.text for line in BODY)
    assert len(shown.notes) == 1


def test_a_color_inside_a_secret_does_not_hide_it(redactor: StackRedactor) -> None:
    colored = f"{PASSWORD[:5]}\x1b[31m{PASSWORD[5:]}\x1b[0m"
    shown = read_all(redactor, f"password is {colored}\n".encode())
    assert PASSWORD not in shown.text
    assert "\x1b" not in shown.text


def test_a_secret_that_is_rotated_while_following_is_known(
    following: Callable[..., tuple[Following, Shown]], redactor: StackRedactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnostics.looking.following.FRESH_SECONDS", 0.05)
    source = Pushed(b"ready\n")
    _, shown = following(source)
    wait_until(lambda: shown.lines)
    (redactor.stack.root / "password").write_text("walnut-harbor-meadow")
    time.sleep(0.2)
    source.pieces.append(b"now it is walnut-harbor-meadow\n")
    wait_until(lambda: len(shown.lines) == 2)
    assert "walnut" not in shown.text


def test_a_busy_source_keeps_nobody_from_another(following: Callable[..., tuple[Following, Shown]]) -> None:
    busy, quiet = Pushed(*[b"busy\n"] * 5000, name="busy"), Pushed(name="quiet")
    _, shown = following(busy, quiet)
    quiet.pieces.append(b"quiet\n")
    wait_until(lambda: "quiet" in shown.lines)
    assert busy.pieces


def test_a_line_longer_than_the_limit_is_cut_with_a_mark(redactor: StackRedactor) -> None:
    shown = read_all(redactor, b"first\n", *[b"x" * 65_536] * 100, f" {PASSWORD}\nlast\n".encode())
    assert len(shown.lines) == 3
    assert "bytes of an overlong line]" in shown.lines[1]
    assert len(shown.lines[1]) < 1_100_000
    assert PASSWORD not in shown.text


def test_bytes_that_are_no_text_stay_lines(redactor: StackRedactor) -> None:
    shown = read_all(redactor, bytes(range(256)) * 10 + b"\nlast\n")
    assert shown.lines[-1] == "last"
    assert all(line == line.replace("\0", "") for line in shown.lines)


def test_interrupted_it_shows_no_half_of_anything_and_says_so(redactor: StackRedactor) -> None:
    shown, first = Shown(), redactor.changed()
    assert first is not None

    class Interrupting(Pushed):
        def read(self) -> bytes:
            if self.pieces:
                return self.pieces.popleft()
            raise KeyboardInterrupt

    feed = Feed(Interrupting(f"whole\n{BODY[1]}\nhalf of {PASSWORD[:6]}".encode()), first.stream())
    followed = Following(feeds=[feed], redactor=redactor, show=shown.show, note=shown.notes.append)
    with pytest.raises(KeyboardInterrupt):
        followed.follow()
    assert shown.lines == ["whole"]
    assert shown.notes == ["pushed: 2 line(s) not shown: unfinished, or perhaps a key's"]


def test_what_cannot_be_redacted_ends_it_and_shows_nothing(
    redactor: StackRedactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diagnostics.redaction.line import LineRedactor

    def fail(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(LineRedactor, "redact", fail)
    with pytest.raises(RedactionFailed):
        read_all(redactor, f"password={PASSWORD}\n".encode())
