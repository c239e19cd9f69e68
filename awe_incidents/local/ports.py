"""Loopback ports that stay the same for a checkout across restarts, and differ between checkouts."""

from __future__ import annotations

import json
import socket
import zlib
from pathlib import Path

from awe_incidents.local.errors import PortTaken
from awe_incidents.local.secret_file import write_private

# Below the range from which the kernel takes ports for outgoing connections: those could sit on ours at the next start.
FIRST_PORT = 20000
LAST_PORT = 32000
TRIES = 200

_kept: set[int] = set()


def take_port(
    path: Path, name: str, *, preferred: int | None = None, demanded: int | None = None, keeps: bool = False
) -> int:
    """Give a free port for this name and remember it in `path`.

    The order: `demanded`, the remembered one, `preferred` and those above it, else a place that the checkout decides.
    With `keeps` no other process that does the same gets it while this one lives.
    Raises: PortTaken.
    """
    known = read_ports(path)
    others = {port for other, port in known.items() if other != name}
    start = preferred or _place(path, name)
    candidates: list[int | None] = [demanded, known.get(name), *range(start, start + TRIES)]
    for port in candidates:
        if port is not None and port not in others and is_free(port) and (not keeps or _keep(port)):
            write_private(path, json.dumps({**known, name: port}, indent=1, sort_keys=True) + "\n")
            return port
    raise PortTaken(
        f"No free port for {name} on 127.0.0.1 from {start} to {start + TRIES}. Close something and try again."
    )


def read_ports(path: Path) -> dict[str, int]:
    """Give the remembered ports by name; a missing or damaged file remembers nothing."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: port for name, port in content.items() if isinstance(port, int)} if isinstance(content, dict) else {}


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except (OSError, OverflowError):
            return False
    return True


def _keep(port: int) -> bool:
    """Keep a port from other checkouts until this process ends, also while nothing listens; False if one has it.

    The web server listens with SO_REUSEPORT: two that were given the same port would share it, and the kernel would
    hand each some of the other's requests. The name is of Linux's abstract sockets: no file, and gone with its process.
    """
    if port in _kept:
        return True
    keeper = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        keeper.bind(f"\0awe-incidents-port-{port}")
    except OSError:
        keeper.close()
        return False
    keeper.detach()  # the descriptor stays open as long as the process lives, which is what is wanted
    _kept.add(port)
    return True


def _place(path: Path, name: str) -> int:
    return FIRST_PORT + zlib.crc32(f"{path.resolve()}:{name}".encode()) % (LAST_PORT - FIRST_PORT - TRIES)
