"""A followed log file: rotated, truncated, made anew, missing, replaced by something else; and where one begins."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diagnostics.probes.log_files import READ_BYTES, FollowedFile
from diagnostics.probes.log_source import Start

BLOCK = ["-----BEGIN RSA PRIVATE KEY-----", *["MIIEowIBAAKCAQEAvFJx1nBq3mYtq3nJ8m2Vt0s2cE8mWvJY" for _ in range(5)]]
END = "-----END RSA PRIVATE KEY-----"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "api.log"
    path.write_text("one\ntwo\nthree\n")
    return path


def take(followed: FollowedFile, *, reads: int = 6) -> str:
    """Read several times, as somebody does who waits."""
    return b"".join(followed.read() for _ in range(reads)).decode()


def appended(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (0, ""),
        (1, "three\n"),
        (2, "two\nthree\n"),
        (3, "one\ntwo\nthree\n"),
        (9, "one\ntwo\nthree\n"),
        (None, "one\ntwo\nthree\n"),
    ],
)
def test_it_begins_with_the_last_lines_and_goes_on(log: Path, lines: int | None, shown: str) -> None:
    followed = FollowedFile(log, start=Start(lines))
    assert take(followed) == shown
    appended(log, "four\n")
    assert take(followed) == "four\n"
    assert followed.happened() == []


def test_an_unfinished_last_line_is_a_line(log: Path) -> None:
    appended(log, "four")
    assert take(FollowedFile(log, start=Start(1))) == "four"
    assert take(FollowedFile(log, start=Start(2))) == "three\nfour"


def test_last_lines_are_found_over_block_borders(log: Path) -> None:
    log.write_text("".join(f"line {number} {'x' * (number % 300)}\n" for number in range(5000)))
    shown = take(FollowedFile(log, start=Start(3000)), reads=50)
    assert shown.count("\n") == 3000
    assert shown.startswith("line 2000 ")


def test_lines_of_a_window_are_found_by_their_stamps(log: Path) -> None:
    now = datetime.now(UTC)
    stamped = [f"{(now - timedelta(minutes=age)).isoformat()} line {age}\n" for age in range(60, 0, -1)]
    log.write_text("".join(stamped))
    since = now - timedelta(minutes=15, seconds=30)
    assert take(FollowedFile(log, start=Start(since=since))) == "".join(stamped[-15:])
    assert take(FollowedFile(log, start=Start(4, since))) == "".join(stamped[-4:])
    assert take(FollowedFile(log, start=Start(40, since))) == "".join(stamped[-15:])


def test_a_window_takes_along_what_was_put_aside_within_it(log: Path) -> None:
    now = datetime.now(UTC)
    (log.parent / "api.log.1").write_text(f"{(now - timedelta(minutes=5)).isoformat()} before\nno end of line")
    log.write_text(f"{now.isoformat()} after\n")
    shown = take(FollowedFile(log, start=Start(since=now - timedelta(minutes=10))))
    assert [line.rpartition(" ")[2] for line in shown.splitlines()] == ["before", "line", "after"]
    assert take(FollowedFile(log, start=Start(9))).endswith("after\n")
    assert "before" not in take(FollowedFile(log, start=Start(9)))


def test_a_window_of_lines_without_stamps_is_told_and_bounded(log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(3000)))
    followed = FollowedFile(log, start=Start(since=datetime.now(UTC) - timedelta(minutes=5)))
    assert take(followed).splitlines()[0] == "line 2000"
    assert followed.happened() == [f"the lines of {log} bear no time; its last 1000 are shown"]


def test_far_back_it_begins_with_a_whole_line(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.probes.log_places.FAR_BYTES", 200_000)
    log.write_text("first\n" + "x" * 300_000 + " secret\nlast\n")
    assert take(FollowedFile(log, start=Start(3)), reads=20) == "last\n"
    log.write_text("first\n" + "x" * 300_000)
    assert take(FollowedFile(log, start=Start(3)), reads=20) == ""


def test_it_never_begins_inside_a_key(log: Path) -> None:
    log.write_text("\n".join(["first", *BLOCK, END, "last", ""]))
    for lines in range(2, 7):
        assert take(FollowedFile(log, start=Start(lines))) == "last\n"
    assert take(FollowedFile(log, start=Start(9))).startswith("first\n")


@pytest.mark.parametrize("how", ["rename", "unlink"])
def test_a_rotated_file_is_read_to_its_end_before_the_new_one(log: Path, how: str) -> None:
    followed = FollowedFile(log, start=Start(0))
    take(followed)
    appended(log, "last of the old\n")
    writer = log.open("a")
    if how == "rename":
        log.rename(log.parent / "api.log.1")
    else:
        log.unlink()
    writer.write("written after the change, and not ended")
    writer.flush()
    log.write_text("first of the new\n")
    assert take(followed, reads=12) == ("last of the old\nwritten after the change, and not ended\nfirst of the new\n")
    assert followed.happened() == [f"{log} was rotated or made anew"]
    writer.close()


def test_a_writer_that_goes_on_in_the_renamed_file_is_followed_until_it_changes(log: Path) -> None:
    followed = FollowedFile(log, start=Start(0))
    take(followed)
    log.rename(log.parent / "api.log.1")
    log.touch()  # made by the rotation, not yet opened by the writer
    for number in range(3):
        appended(log.parent / "api.log.1", f"late {number}\n")
        assert take(followed) == f"late {number}\n"
    appended(log, "new\n")
    assert take(followed) == "new\n"


def test_what_was_put_aside_twice_meanwhile_is_read_in_order(log: Path) -> None:
    followed = FollowedFile(log, start=Start(0))
    take(followed)
    first, second = log.parent / "api.log.2", log.parent / "api.log.1"
    log.rename(first)
    appended(first, "in the first\n")
    second.write_text("in the second\n")
    os.utime(second, ns=(first.stat().st_mtime_ns + 10**6,) * 2)
    log.write_text("in the third\n")
    assert take(followed, reads=20) == "in the first\nin the second\nin the third\n"


@pytest.mark.parametrize("again", ["short\n", "as long as three!\n", "one\ntwo\nthreE\nand more than there was\n"])
def test_a_truncated_file_is_read_from_its_beginning_however_fast_it_grows(log: Path, again: str) -> None:
    followed = FollowedFile(log, start=Start(9))
    take(followed)
    with log.open("r+") as file:
        file.truncate(0)
        file.write(again)
    assert take(followed) == again
    assert followed.happened() == [f"{log} was truncated"]


def test_a_truncation_is_noticed_in_a_file_that_was_not_read_yet(log: Path) -> None:
    followed = FollowedFile(log, start=Start(0))
    take(followed)
    log.write_text("new, and longer than what was there before it\n")
    assert take(followed) == "new, and longer than what was there before it\n"


def test_a_file_that_is_not_there_is_waited_for_and_told_once(log: Path) -> None:
    log.unlink()
    followed = FollowedFile(log, start=Start(0))
    assert take(followed) == ""
    assert followed.happened() == [f"{log} does not exist (yet)"]
    assert take(followed) == ""
    assert followed.happened() == []
    assert not followed.is_found
    log.write_text("there\n")
    assert take(followed) in {"", "there\n"}  # `lines=0` counts for what is there when it is opened
    appended(log, "more\n")
    assert take(followed) == "more\n"
    assert followed.is_found


def test_a_file_that_is_gone_is_told_and_read_on(log: Path) -> None:
    followed = FollowedFile(log, start=Start(0))
    take(followed)
    writer = log.open("a")
    log.unlink()
    take(followed, reads=30)
    assert followed.happened() == [f"{log} is gone; what is still written into it is shown"]
    writer.write("still here\n")
    writer.close()
    assert take(followed) == "still here\n"


def test_a_pipe_or_folder_in_its_place_is_not_opened(tmp_path: Path) -> None:
    strange = tmp_path / "strange.log"
    os.mkfifo(strange)
    followed = FollowedFile(strange, start=Start(0))
    assert take(followed) == ""
    assert followed.happened() == [f"{strange} is a named pipe, not a regular file"]
    strange.unlink()
    strange.mkdir()
    assert take(followed) == ""
    assert followed.happened() == [f"{strange} is a folder, not a regular file"]


def test_a_file_that_is_replaced_by_a_pipe_is_read_on_itself(log: Path) -> None:
    followed = FollowedFile(log, start=Start(0))
    take(followed)
    log.unlink()
    os.mkfifo(log)
    assert take(followed, reads=30) == ""


def test_not_followed_it_ends_where_it_ended_when_it_was_opened(log: Path) -> None:
    log.write_bytes(b"x" * READ_BYTES + b"\n")
    bounded = FollowedFile(log, start=Start(9), is_followed=False)
    shown = bounded.read()
    appended(log, "written meanwhile\n")
    while data := bounded.read():
        shown += data
    assert shown == b"x" * READ_BYTES + b"\n"


def test_pieces_stay_small_whatever_the_file_is(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(1 << 30)  # a GiB without a single line
    followed = FollowedFile(log, start=Start())
    assert [len(followed.read()) for _ in range(5)] == [READ_BYTES] * 5
