"""Probe of TCP: whether a connection comes about, how long it took, and why not; nothing is ever sent."""

from __future__ import annotations

import time
from dataclasses import dataclass

from diagnostics.probes.errors import NameUnresolved, ProbeFailure
from diagnostics.probes.resolve import Address, addresses
from diagnostics.probes.wire import connected


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of trying to connect; `code` is "" or refused, timeout, unreachable, reset, dns, dns_timeout."""

    code: str
    text: str
    milliseconds: float  # of the connect alone, without the name's resolution
    address: str = ""  # that was connected to


def try_connect(host: str, port: int, *, seconds: float) -> Attempt:
    """Connect and hang up; every address of a name is tried until one answers."""
    try:
        found = addresses(host, port, seconds=seconds)
    except NameUnresolved as unresolved:
        return Attempt(unresolved.code, unresolved.text, 0.0)
    return connect_once(found, seconds=seconds)


def connect_once(found: list[Address], *, seconds: float) -> Attempt:
    """Connect to the first of resolved addresses that answers, and hang up."""
    began = time.perf_counter()
    try:
        connection = connected(found, seconds=seconds)
    except ProbeFailure as failure:
        return Attempt(failure.code, failure.text, _since(began))
    taken = _since(began)
    with connection:
        peer = connection.getpeername()
    return Attempt("", f"{peer[0]}:{peer[1]} accepted", taken, str(peer[0]))


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
