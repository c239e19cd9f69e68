"""The sockets under what docker-py gives for the input and output of a program in a container."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any


def raw_socket(remote: Any) -> socket.socket:
    """Give the socket under what docker-py calls one: an object of another kind for each transport."""
    found: socket.socket = getattr(remote, "_sock", remote)
    return found


def early_bytes(remote: Any) -> bytes:
    """Give what came in one piece with the answer's headers: it was read with them, and the socket has it no more.

    A program that ends at once would seem to have said nothing, now and then (seen with docker-py 7 on a busy machine).
    """
    response = getattr(remote, "_response", None)
    reader = getattr(getattr(getattr(response, "raw", None), "_fp", None), "fp", None)
    peek: Callable[[], bytes] | None = getattr(reader, "peek", None)
    if peek is None:
        return b""
    connection = raw_socket(remote)
    before = connection.gettimeout()
    connection.setblocking(False)
    try:
        return peek()
    except OSError:  # there is nothing yet
        return b""
    finally:
        connection.settimeout(before)
