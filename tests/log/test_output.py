"""Output in front of output: whole lines leave redacted, whatever happens."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from awe_incidents.log import lines, output
from awe_incidents.log.output import GuardedOutput, unguarded
from diagnostics.redaction import RedactionFailed, Stream
from tests.api.web_server import CHECKOUT
from tests.leaks.canaries import KEY, PASSWORD, TEXT, leaked


@pytest.fixture
def original() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def guarded(original: io.StringIO) -> Any:
    return GuardedOutput(original)


def test_whole_lines_leave_redacted_and_the_rest_at_the_end(guarded: Any, original: io.StringIO) -> None:
    guarded.write("one\npass")
    assert original.getvalue() == "one\n"
    guarded.write(f"word={PASSWORD}\nunfinished password=")
    guarded.write(PASSWORD)
    assert original.getvalue().count("\n") == 2
    guarded.finish()
    assert original.getvalue().endswith("]")
    assert leaked(original.getvalue()) == []
    guarded.write("later\n")
    assert original.getvalue().endswith("later\n")


def test_a_key_that_is_printed_line_by_line_is_none_of_it(guarded: Any, original: io.StringIO) -> None:
    for line in KEY.splitlines():
        print(line, file=guarded)
    assert leaked(original.getvalue()) == []
    assert original.getvalue().count("\n") == KEY.count("\n") + 1


def test_it_looks_like_what_is_behind(guarded: Any, original: io.StringIO) -> None:
    original.isatty = lambda: True  # type: ignore[method-assign]
    original.fileno = lambda: 7  # type: ignore[method-assign]
    assert (guarded.isatty(), guarded.fileno(), guarded.writable()) == (True, 7, True)
    assert unguarded(guarded) is original
    assert unguarded(original) is original


def test_text_that_is_no_unicode_is_written_all_the_same(guarded: Any, original: io.StringIO) -> None:
    guarded.write("half a character \ud800\n")
    assert original.getvalue() == "half a character \\ud800\n"


def test_what_cannot_be_redacted_is_dropped_and_the_next_line_comes(
    guarded: Any, original: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:

        def fail(*_: object) -> bytes:
            raise RedactionFailed.because_of("MemoryError")

        broken.setattr(Stream, "feed", fail)
        guarded.write(f"{TEXT}\n")
    guarded.write("next\n")
    assert original.getvalue() == f"{lines.DROPPED}\nnext\n"


def test_a_redactor_that_prints_does_not_call_itself_for_ever(
    guarded: Any, original: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lines.redactor_now

    def talkative() -> Any:
        guarded.write(f"about to redact with {PASSWORD}\n")
        return real()

    monkeypatch.setattr(output, "redactor_now", talkative)
    guarded.write("line\n")
    assert original.getvalue() == f"{lines.DROPPED}\nline\n"


def test_nobody_who_reads_is_no_error(guarded: Any, original: io.StringIO) -> None:
    guarded.write("one\n")
    original.close()
    guarded.write("two\n")
    guarded.flush()
    guarded.finish()


def test_threads_mix_lines_and_never_parts_of_them(guarded: Any, original: io.StringIO) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(400):
            pool.submit(guarded.write, f"line {number} password={PASSWORD}{number}\n")
    written = original.getvalue().splitlines()
    assert len(written) == 400
    assert all(line.startswith("line ") and line.endswith("]") for line in written)
    assert leaked(original.getvalue()) == []


def test_a_thread_that_dies_writes_through_it(original: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", GuardedOutput(original))
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)

    def die() -> None:
        raise RuntimeError(TEXT)

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    assert "RuntimeError" in original.getvalue()
    assert leaked(original.getvalue()) == []


def test_before_there_are_settings_the_rules_hold_already() -> None:
    code = (
        "import sys; from awe_incidents.log.output import guard_output; guard_output();"
        f"print('password={PASSWORD}'); print('no settings yet', file=sys.stderr);"
        f"raise RuntimeError('token={PASSWORD}')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, env={"PATH": ""}, capture_output=True, text=True)
    assert "RuntimeError" in done.stderr
    assert "no settings yet" in done.stderr
    assert leaked(done.stdout + done.stderr) == []
