"""Start one child process so that it cannot outlive us, and find whatever it left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from awe_incidents.local.accounts import as_account
from awe_incidents.local.program import Program

PR_SET_PDEATHSIG = 1  # linux/prctl.h
MARK = "AWE_SUPERVISED"  # every descendant inherits this variable, also one that left its process group
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def spawn(program: Program, *, output: int | IO[bytes], mark: str) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, standard output and error both into `output`.

    Call it from the main thread: Linux sends the signal at our death when the *thread* that started the child ends.
    """
    return subprocess.Popen(
        program.argv,
        env={**program.env, MARK: mark},
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o077 if program.account else -1,
        preexec_fn=die_with_parent(program.stop_signal),  # runs after the user change, which would clear the setting
        **as_account(program.account),
    )


def die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """Give what a child runs first (`preexec_fn`), so that it is sent the signal when who started it ends.

    Linux takes the thread that started it for that.
    """
    parent = os.getpid()

    def ask_kernel() -> None:
        if _prctl is not None:
            _prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return ask_kernel


def marked_processes(mark: str) -> list[int]:
    """Give the ids of running processes whose environment bears exactly this mark."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in _process_ids() if wanted in _environment(pid)]


def kill_group(leader: int) -> None:
    """Send SIGKILL to every process of the group; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def kill_marked(mark: str) -> None:
    """Send SIGKILL to every process that bears the mark."""
    for pid in marked_processes(mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return []
