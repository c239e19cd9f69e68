"""Probe of name resolution: who resolves names here, and what one name server answers when it is asked directly.

The system's resolver hides which server was silent and what the others said; so each is asked for itself (dnspython).
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import read_bounded

RESOLVER_FILE = Path("/etc/resolv.conf")
HOSTS_FILE = Path("/etc/hosts")
MAX_FILE_BYTES = 1_000_000
MAX_SERVERS = 3  # glibc reads no more (resolv.conf(5), MAXNS)
MAX_ADDRESSES = 50
PORT = 53
TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True, slots=True)
class NameServer:
    """A server that resolves names."""

    address: str
    port: int = PORT

    def __str__(self) -> str:
        """Give its address, with the port where that is another than 53."""
        if self.port == PORT:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> NameServer:
        """Read `address`, `address:port` or `[address]:port`."""
        with suppress(ValueError):
            return cls(str(ipaddress.ip_address(text.strip("[]"))))
        address, _, port = text.rpartition(":")
        return cls(address.strip("[]"), int(port))


@dataclass(frozen=True, slots=True)
class Configuration:
    """What resolv.conf says, as glibc reads it."""

    servers: tuple[NameServer, ...]
    search: tuple[str, ...] = ()
    ndots: int = 1
    lines: tuple[str, ...] = ()

    def candidates(self, name: str) -> list[str]:
        """Give the full names that are asked for, in order: search domains go first for a name of few dots."""
        if name.endswith("."):
            return [name]
        searched = [f"{name}.{domain}." for domain in self.search]
        return [f"{name}.", *searched] if name.count(".") >= self.ndots else [*searched, f"{name}."]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one server said of a name; `code` is "", NXDOMAIN, SERVFAIL, REFUSED ..., silent, unreachable, garbage."""

    server: NameServer
    code: str
    addresses: tuple[str, ...] = ()
    ttl_seconds: int | None = None
    milliseconds: float = 0.0

    def __str__(self) -> str:
        """Give one line for evidence."""
        said = [f"{', '.join(self.addresses)} (ttl {self.ttl_seconds} s)"] if self.addresses else []
        said += [self.code] if self.code else []
        return f"{self.server}: {', '.join(said) or 'no address'} in {self.milliseconds:g} ms"


def system_configuration(path: Path = RESOLVER_FILE) -> Configuration:
    """Read resolv.conf; without one, the local server is asked, as resolv.conf(5) says.

    Raises: NotPermitted.
    """
    try:
        text = read_bounded(path, max_bytes=MAX_FILE_BYTES).decode(errors="replace")
    except FileUnusable:
        text = ""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0] not in "#;"]
    servers: list[NameServer] = []
    search: tuple[str, ...] = ()
    ndots = 1
    for words in map(str.split, lines):
        if words[0] == "nameserver" and len(words) > 1:
            with suppress(ValueError):
                servers.append(NameServer(str(ipaddress.ip_address(words[1]))))
        elif words[0] in {"search", "domain"}:
            search = tuple(word.strip(".") for word in words[1:7])
        elif words[0] == "options":
            ndots = next((int(word[6:]) for word in words if word.startswith("ndots:") and word[6:].isdigit()), ndots)
    return Configuration(tuple(servers[:MAX_SERVERS]) or (NameServer("127.0.0.1"),), search, ndots, tuple(lines[:50]))


def hosts_entries(name: str, path: Path = HOSTS_FILE) -> list[str]:
    """Give the addresses that the hosts file has for a name."""
    try:
        text = read_bounded(path, max_bytes=MAX_FILE_BYTES).decode(errors="replace")
    except (FileUnusable, NotPermitted):
        return []
    wanted, found = name.rstrip(".").lower(), []
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (one.lower() for one in names):
            found.append(address)
    return found[:MAX_ADDRESSES]


def ask(server: NameServer, name: str, configuration: Configuration, *, seconds: float) -> Reply:
    """Ask one server for both kinds of address of a name, through the search domains, until something is found."""
    began, code = time.perf_counter(), "NXDOMAIN"
    for candidate in configuration.candidates(name):
        reply = _asked(server, candidate, began, seconds)
        if reply.addresses or reply.code in {"silent", "unreachable"}:
            return reply
        if not reply.code or code == "NXDOMAIN":
            code = reply.code
    return Reply(server, code, milliseconds=_since(began))


def _asked(server: NameServer, name: str, began: float, seconds: float) -> Reply:
    """Ask for one full name; addresses of the first kind count also where the question for the second is dropped."""
    found: dict[str, int] = {}
    codes: list[str] = []
    for kind in TYPES:
        try:
            answer = _answer(server, name, kind, seconds=seconds - (time.perf_counter() - began))
        except _NoAnswer as refusal:
            codes.append(f"{refusal.code} to AAAA" if found else refusal.code)
            break
        codes.append(dns.rcode.to_text(answer.rcode()))
        found |= dict(_addresses(answer))
    code = next((one for one in codes if one != "NOERROR"), "")
    ttl = min(found.values(), default=None)
    return Reply(server, code, tuple(found)[:MAX_ADDRESSES], ttl, _since(began))


class _NoAnswer(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _answer(server: NameServer, name: str, kind: dns.rdatatype.RdataType, *, seconds: float) -> dns.message.Message:
    try:
        question = dns.message.make_query(dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_Practical), kind)
    except (dns.exception.DNSException, UnicodeError):  # a label that is too long, or none at all
        raise _NoAnswer("invalid") from None
    try:
        answer, _ = dns.query.udp_with_fallback(
            question, server.address, timeout=max(seconds, 0.01), port=server.port, ignore_unexpected=True
        )
    except dns.exception.Timeout:
        raise _NoAnswer("silent") from None
    except (OSError, EOFError):
        raise _NoAnswer("unreachable") from None
    except dns.exception.DNSException:
        raise _NoAnswer("garbage") from None
    return answer


def _addresses(answer: dns.message.Message) -> Iterator[tuple[str, int]]:
    for entry in answer.answer:
        if entry.rdtype in TYPES:
            yield from ((str(one.address), entry.ttl) for one in entry)


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def are_silent(replies: Sequence[Reply]) -> bool:
    """Say whether no server said anything at all."""
    return bool(replies) and all(reply.code in {"silent", "unreachable"} for reply in replies)
