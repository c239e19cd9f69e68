"""Processes in networks of their own, for root only: nothing of them is left when they end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

# Brings the loopback up, carries out the given commands in a shell, listens, says where, and waits.
PROGRAM = """
import socket, subprocess, sys
for command in ["ip link set lo up", *sys.argv[1:]]:
    subprocess.run(command, shell=True, check=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def listening_elsewhere(*commands: str) -> Iterator[tuple[int, int]]:
    """Give pid and port of a process that listens on the loopback of a network of its own."""
    process = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", PROGRAM, *commands],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.communicate()
