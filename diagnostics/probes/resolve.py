"""Resolve host names with a deadline: the system's resolver has none, so it is asked in a thread that may be left."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from diagnostics.probes.errors import NameUnresolved


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect: socket family and what `connect` takes."""

    family: int
    where: tuple[Any, ...]

    def __str__(self) -> str:
        """Give host:port, IPv6 in brackets."""
        host, port = self.where[0], self.where[1]
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"


def addresses(host: str, port: int, *, seconds: float) -> list[Address]:
    """Give the addresses of a host in the system's order, each once.

    Raises: NameUnresolved.
    """
    answers: SimpleQueue[list[Address] | Exception] = SimpleQueue()
    if _asks_nobody(host):
        _ask(host, port, answers)  # on busy processors to hand it to a thread takes longer than a TLS handshake
    else:
        Thread(target=_ask, args=(host, port, answers), daemon=True, name=f"resolve {host}").start()
    try:
        answer = answers.get(timeout=max(seconds, 0))
    except Empty:
        raise NameUnresolved("dns_timeout", f"no answer for the name {host} within {seconds:.1f} s") from None
    if isinstance(answer, Exception):
        reason = getattr(answer, "strerror", None) or str(answer)
        number = getattr(answer, "errno", None)
        raise NameUnresolved("dns", f"the name {host} cannot be resolved: {reason}", number=number) from None
    return answer


def _asks_nobody(host: str) -> bool:
    """Say whether no name server is asked: for numbers, and for localhost (RFC 6761, 6.3)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _ask(host: str, port: int, answers: SimpleQueue[list[Address] | Exception]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # an over-long label fails in the IDNA codec
        answers.put(error)
        return
    answers.put(list(dict.fromkeys(Address(family, where) for family, _, _, _, where in found)))
