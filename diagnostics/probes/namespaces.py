"""Probe of network namespaces: whether a process sees another network than we do, and looking from inside of it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.host import process_of

OWN = Path("/proc/self/ns/net")
CLONE_NEWNET = 0x40000000  # linux/sched.h

T = TypeVar("T")


def foreign_network(pid_file: Path) -> Path | None:
    """Give the network namespace of the process of a pid file, or None where it is our own.

    Raises: ProcessUnknown, NotPermitted.
    """
    process = process_of(pid_file)
    theirs = Path("/proc") / str(process.pid) / "ns" / "net"
    try:
        return None if theirs.readlink() == OWN.readlink() else theirs
    except PermissionError:
        text = f"which network process {process.pid} of {pid_file} sees may not be read by uid {os.geteuid()}"
        raise NotPermitted(text, target=str(pid_file)) from None
    except OSError:
        raise ProcessUnknown("pid_file.stale", f"process {process.pid} of {pid_file} has just ended") from None


def inside(network: Path, look: Callable[[], T]) -> T:
    """Look from inside a network namespace, in a thread of its own: only that thread enters, and it ends there.

    Raises: NotPermitted, and whatever `look` raises.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="in another network") as pool:
        return pool.submit(_entered, network, look).result()


def _entered(network: Path, look: Callable[[], T]) -> T:
    try:
        descriptor = os.open(network, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NotPermitted(f"{network} may not be opened: {error.strerror}") from None
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            reason = os.strerror(ctypes.get_errno())
            raise NotPermitted(f"{network} is another network than ours and may not be entered: {reason}")
    finally:
        os.close(descriptor)
    return look()
