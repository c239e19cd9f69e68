"""Listen on a port that belongs to somebody else: `squatter.py ADDRESS PORT SUPERVISOR_PID PID_FILE`.

A plain script: it goes on in the background, and ends with the stack's supervisor, so that no stack leaves it behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from pathlib import Path


def main(address: str, port: int, supervisor: int, pid_file: Path) -> None:
    """Take the port, let a child of ours keep it, and return once it has."""
    watched = os.pidfd_open(supervisor)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.listen()
        child = os.fork()
        if child:
            pid_file.write_text(f"{child}\n")
        else:
            os.setsid()
            keep(server, watched=watched)


def keep(server: socket.socket, *, watched: int) -> None:
    """Accept connections and close them, until the watched process ends."""
    while True:
        ready, _, _ = select.select([server.fileno(), watched], [], [])
        if watched in ready:
            return
        with contextlib.suppress(OSError):
            server.accept()[0].close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
