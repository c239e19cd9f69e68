"""Being told to stop at any instant, by a signal as by another thread."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from awe_incidents.stopping import Stopping

# As a sequencer that has much to do: it looks between two batches without waiting. With `threading.Event` for
# `Stopping` this hangs within some thousand rounds.
ROUNDS = """
import signal
from awe_incidents.stopping import Stopping
for number in range(5000):
    stopping = Stopping()
    signal.signal(signal.SIGALRM, lambda *_: stopping.set())
    signal.setitimer(signal.ITIMER_REAL, 0.00005 + number % 97 * 0.000003)
    while not stopping.is_set():
        stopping.wait(0)
print("ended")
"""
WAITING = """
from awe_incidents.stopping import stop_on_signals
stopping = stop_on_signals()
print("waiting", flush=True)
print(stopping.wait(60), stopping.wait(60), stopping.wait())
"""


def test_a_signal_at_any_instant_ends_a_loop() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "ended\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_a_wait_at_once(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        assert process.communicate(timeout=20)[0] == "True True True\n"
        assert process.returncode == 0


def test_it_waits_no_longer_than_it_is_to_and_another_thread_may_tell_it() -> None:
    stopping = Stopping()
    assert not stopping.wait(0)
    began = time.monotonic()
    assert not stopping.wait(0.05)
    assert time.monotonic() - began >= 0.05
    threading.Timer(0.05, stopping.set).start()
    assert stopping.wait(20)


def test_it_may_be_told_more_often_than_anybody_listens() -> None:
    stopping = Stopping()
    for _ in range(100_000):
        stopping.set()
    assert stopping.wait()
