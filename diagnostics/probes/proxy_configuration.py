"""What a proxy's configuration says: to which addresses it passes requests, and what its own program holds of it.

Caddy's configuration is read as the JSON that `caddy adapt` makes of it, or as a Caddyfile; nginx's as `nginx -T`
prints it, or as its files. Addresses made at run time (variables, sockets, discovery) are counted and left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MAX_UPSTREAMS = 20
PORTS = {"http": 80, "https": 443, "h2c": 80, "grpc": 80, "grpcs": 443}
NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
HOST_PORT = re.compile(rf"(?P<host>\[[0-9a-fA-F:.]+\]|{NAME}|)(?::(?P<port>\d{{1,5}}))?")
MATCHER = ("/", "@", "*")  # what a Caddyfile's directive begins with before its addresses
CADDY_PASSES = ("reverse_proxy", "php_fastcgi", "forward_auth")
NGINX_WORD = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\$\{[^}]*\}|[^\s{};"'])+""")
NGINX_PASSES = re.compile(r"(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass")

# What the programs say of a configuration that they refuse (Caddy 2.6, nginx 1.22), and what it means.
UNKNOWN_HOST = re.compile(r'host not found in upstream "(?P<host>[^":]+)')
OF_FILES = re.compile(r"private key|x509|certificate|\btls:|SSL_CTX|PEM_|BIO_new_file|\.(?:pem|crt|key)\b")
NO_RIGHT = re.compile(r"\(13: Permission denied\)|: permission denied|operation not permitted")


@dataclass(frozen=True, slots=True)
class Upstream:
    """An address that requests are passed to; those of one group stand in for each other."""

    host: str
    port: int
    group: int = 0

    @property
    def address(self) -> str:
        """Give host:port, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The addresses of a configuration, each once, and how many could not be read from it."""

    found: tuple[Upstream, ...] = ()
    left_out: int = 0


def of_caddy(document: object) -> Upstreams:
    """Read the JSON form: `upstreams` with `dial` wherever they stand."""
    groups, discovered = list[list[str]](), 0
    pending = [document]
    while pending:
        one = pending.pop(0)
        if isinstance(one, Mapping):
            discovered += "dynamic_upstreams" in one
            if isinstance(listed := one.get("upstreams"), list):
                groups.append([str(entry.get("dial", "")) for entry in listed if isinstance(entry, Mapping)])
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    return _gathered(groups, discovered=discovered)


def document_in(output: str) -> Any:
    """Find the JSON object that a program printed on a line of its own, between lines of its log; None without one."""
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and "msg" not in found:
                return found
    return None


def of_caddyfile(text: str) -> Upstreams:
    """Read a Caddyfile line by line; its imports are other files."""
    groups, is_inside = list[list[str]](), False
    for line in text.splitlines():
        words = line.split("#")[0].split() if "#" in line else line.split()
        if not words:
            continue
        if words[0] in CADDY_PASSES:
            groups.append([word for word in words[1:] if word != "{" and not word.startswith(MATCHER)])
            is_inside = words[-1] == "{"
        elif is_inside and words[0] == "to":
            groups[-1] += words[1:]
        elif words[0] == "}":
            is_inside = False
    return _gathered(groups)


def of_nginx(text: str) -> Upstreams:
    """Read nginx's own form: `upstream` blocks and the directives that end in `_pass`."""
    blocks: dict[str, list[str]] = {}
    passes, sentence, inside = list[str](), list[str](), ""
    for match in NGINX_WORD.finditer(text):
        word = match.group()
        if word.startswith("#"):
            continue
        if word not in {"{", "}", ";"}:
            sentence.append(word.strip("\"'"))
            continue
        if word == "{" and sentence[:1] == ["upstream"] and len(sentence) > 1:
            inside = sentence[1]
            blocks[inside] = []
        elif word == ";" and inside and sentence[:1] == ["server"] and "down" not in sentence:
            blocks[inside] += sentence[1:2]
        elif word == ";" and len(sentence) > 1 and NGINX_PASSES.fullmatch(sentence[0]):
            passes.append(sentence[1])
        elif word == "}":
            inside = ""
        sentence = []
    return _gathered([blocks.get(_authority(one), [one]) for one in dict.fromkeys(passes)])


def _authority(address: str) -> str:
    return urlsplit(address).netloc if "://" in address else address


def _gathered(groups: Sequence[Sequence[str]], *, discovered: int = 0) -> Upstreams:
    read = [(number, _parsed(text)) for number, group in enumerate(groups) for text in group]
    known = dict.fromkeys(pair for _, pair in read if pair)
    group_of = {pair: number for number, pair in reversed(read) if pair}
    found = tuple(Upstream(host, port, group_of[host, port]) for host, port in known)[:MAX_UPSTREAMS]
    return Upstreams(found, len(known) - len(found) + discovered + sum(pair is None for _, pair in read))


def _parsed(text: str) -> tuple[str, int] | None:
    """Read host and port from an address in either form; None where it is no plain one."""
    scheme, separator, rest = text.rpartition("://")
    if separator and scheme not in PORTS:
        return None
    match = HOST_PORT.fullmatch(rest.partition("/")[0] if separator else rest)
    if match is None or (not match["host"] and not match["port"]):
        return None
    port = int(match["port"] or PORTS.get(scheme, 80))
    return (match["host"].strip("[]") or "localhost", port) if 0 < port < 65_536 else None


def last_words(output: str) -> str:
    """Give the line in which a program says what it refuses."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("{")]
    named = [line for line in lines if "[emerg]" in line or line.lower().startswith(("error", "validate", "adapt"))]
    return next(iter([*named, *reversed(lines)]), "it gave no reason")


def complaints(output: str) -> Iterator[str]:
    """Give the lines in which nginx speaks of a configuration, and not those of the configuration itself."""
    return (line for line in output.splitlines() if line.startswith("nginx: "))
