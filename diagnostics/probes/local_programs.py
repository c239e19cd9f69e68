"""Probe by programs of this machine: a few that only read, by an allow-list of whole command lines, never a shell."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

from diagnostics.probes.errors import ProbeFailure

ALLOWED = frozenset(
    {
        ("iptables-save",),
        ("iptables-legacy-save",),
        ("ip6tables-save",),
        ("ip6tables-legacy-save",),
        ("nft", "-j", "list", "ruleset"),
        ("nft", "-a", "list", "ruleset"),
        ("ufw", "status"),
    }
)
PLACES = "/usr/sbin:/usr/bin:/sbin:/bin"  # not the caller's PATH: who may write there must not decide what runs
MAX_OUTPUT_BYTES = 4_000_000
NO_RIGHT = ("permission denied", "operation not permitted", "must be root", "need to be root")


class ProgramFailed(ProbeFailure):
    """No output; codes missing, not_permitted, timeout, too_large, failed."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program printed."""

    argv: tuple[str, ...]
    text: str


def run_program(argv: tuple[str, ...], *, seconds: float) -> Output:
    """Run an allowed program to its end.

    Raises: ProgramFailed.
    """
    if argv not in ALLOWED:
        raise ValueError(f"{' '.join(argv)} is not among the programs that a probe may run")
    program = shutil.which(argv[0], path=PLACES)
    if program is None:
        raise ProgramFailed("missing", f"{argv[0]} is not installed")
    with subprocess.Popen(
        (program, *argv[1:]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": PLACES, "LC_ALL": "C"},
        start_new_session=True,
    ) as process:
        try:
            printed, said = _read(process, argv[0], ends_at=time.monotonic() + seconds)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it started
            raise
    if process.returncode != 0:
        words = " ".join(said.decode(errors="replace").split())[:300] or f"exit code {process.returncode}"
        is_refusal = any(one in (words + printed[:300].decode(errors="replace")).lower() for one in NO_RIGHT)
        raise ProgramFailed("not_permitted" if is_refusal else "failed", f"{argv[0]}: {words}")
    return Output(argv, printed.decode(errors="replace"))


def _read(process: subprocess.Popen[bytes], name: str, *, ends_at: float) -> tuple[bytes, bytes]:
    """Read both outputs until they end. Raises: ProgramFailed."""
    assert process.stdout is not None
    assert process.stderr is not None
    taken = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for descriptor in taken:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            left = ends_at - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise ProgramFailed("timeout", f"{name} did not end in time")
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fd)
                taken[key.fd] += data
                if len(taken[key.fd]) > MAX_OUTPUT_BYTES:
                    raise ProgramFailed("too_large", f"{name} printed more than {MAX_OUTPUT_BYTES} bytes")
    try:
        process.wait(max(ends_at - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        raise ProgramFailed("timeout", f"{name} did not end in time") from None
    printed, said = taken.values()
    return bytes(printed), bytes(said)
