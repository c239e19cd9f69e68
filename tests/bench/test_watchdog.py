"""The design that was not chosen, as it is: what its watchdog notices, and what it cannot."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from bench.harness.record import CHECKOUT
from bench.looking.watchdog import Watchdog
from diagnostics.looking import LookRequest
from diagnostics.stack import StackConfig

# The look blocks in poll() for ever; PyDLL keeps the interpreter's lock meanwhile, CDLL gives it away.
PROGRAM = """
import ctypes, threading
from bench.looking import watchdog

class Request:
    deadline_seconds = 0.1

def look(request):
    print("looking", flush=True)
    ctypes.{library}(None).poll(None, 0, -1)

watchdog.take_look = look
dog = watchdog.Watchdog(replace=lambda: print("replaced", flush=True))
threading.Thread(target=dog.look, args=(Request(),), daemon=True).start()
threading.Event().wait()
"""
NOTICED_SECONDS = 2.0  # a deadline of 0.1 s and a grace of 0.5 s, three times over


def said_after_looking(library: str) -> str:
    """Give what the program says in the time after its look began, in which it ought to be noticed."""
    command = [sys.executable, "-c", PROGRAM.format(library=library)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "looking\n"
        time.sleep(NOTICED_SECONDS)
        running.kill()
        return running.stdout.read()


def test_a_look_that_hangs_outside_of_the_interpreter_has_the_worker_replaced() -> None:
    assert said_after_looking("CDLL") == "replaced\n"


def test_a_look_that_hangs_with_the_interpreters_lock_stops_the_watchdog_too() -> None:
    assert said_after_looking("PyDLL") == ""


def test_a_look_that_ends_in_time_has_nobody_replaced() -> None:
    replaced = threading.Event()
    stack = StackConfig(name="quiet", environment="Development", vantage="process", root=CHECKOUT)
    look = Watchdog(replace=replaced.set).look(LookRequest(slug="database.redis", stack=stack, redaction_key=b"k" * 32))
    assert look.result.leading.code == "not_applicable"
    assert not replaced.wait(0.5)
