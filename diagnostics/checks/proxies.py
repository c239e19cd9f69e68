"""What a stack's proxies are told to do: their configuration as their own program reads it, or as it is in files."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from diagnostics.checks.result import Evidence
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import read_bounded
from diagnostics.probes.proxy_configuration import (
    NO_RIGHT,
    Upstreams,
    complaints,
    document_in,
    last_words,
    of_caddy,
    of_caddyfile,
    of_nginx,
)
from diagnostics.stack import Service, StackConfig

CADDY, NGINX = "caddy", "nginx"
CADDYFILE = "Caddyfile"
MAX_FILE_BYTES = 1_000_000
NOT_THERE = frozenset({126, 127})  # exit codes of a program that a container has not, or may not run
KEPT_LINES = 60


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a proxy's configuration says; `complaint` is why its own program refuses it, empty where it does not."""

    program: str
    upstreams: Upstreams
    complaint: str = ""
    evidence: Evidence | None = None  # None where no program was asked


def proxies_of(stack: StackConfig) -> list[Service]:
    """Give the services that are proxies."""
    return [one for one in stack.services.values() if one.role == "proxy"]


def configuration_inside(seeing: Seeing, inside: InsideContainer) -> Configuration | None:
    """Have the program in a proxy's container read its configuration; None where it is none that is known.

    Raises: CouldNotLook.
    """
    words = _command(inside)
    for program, read in ((CADDY, _by_caddy), (NGINX, _by_nginx)):
        at = next((at for at, word in enumerate(words) if posixpath.basename(word) == program), None)
        if at is not None:
            return read(seeing, inside, words[at + 1 :])
    return None


def configuration_in_files(service: Service) -> Configuration | None:
    """Read where a proxy passes requests to from the files that the description names; None where there are none.

    Raises: NotPermitted.
    """
    found = list(_read_files(service))
    if not found:
        return None
    upstreams = [one for _, its in found for one in its.found]
    return Configuration(found[0][0], Upstreams(tuple(dict.fromkeys(upstreams)), sum(its.left_out for _, its in found)))


def _read_files(service: Service) -> Iterator[tuple[str, Upstreams]]:
    for path in service.files:
        is_caddys = path.name.startswith(CADDYFILE) or path.suffix == ".caddyfile"
        if is_caddys or path.suffix == ".conf":
            with suppress(FileUnusable):  # the finding of startup.file_permissions
                text = read_bounded(path, max_bytes=MAX_FILE_BYTES).decode(errors="replace")
                yield (CADDY, of_caddyfile(text)) if is_caddys else (NGINX, of_nginx(text))


def _command(inside: InsideContainer) -> list[str]:
    """Give the words of a container's command, also of one that a shell is to carry out."""
    attributes = inside.container.attributes
    words = [str(attributes.get("Path", "")), *map(str, attributes.get("Args") or [])]
    with suppress(ValueError):  # a quote that is not closed
        return [part for word in words for part in (shlex.split(word) if " " in word else [word])]
    return words


def _by_caddy(seeing: Seeing, inside: InsideContainer, arguments: Sequence[str]) -> Configuration:
    path = _option(arguments, "--config") or CADDYFILE
    name, adapter = posixpath.basename(path), _option(arguments, "--adapter")
    path = posixpath.join(_folder(inside), path)
    is_json = not adapter and not name.startswith(CADDYFILE) and not name.endswith(".caddyfile")
    adapting = [] if is_json else ["--adapter", "caddyfile"]
    complaint, evidence = _asked(seeing, inside, ["caddy", "validate", *adapting, "--config", path])
    reading = ["head", "-c", str(MAX_FILE_BYTES), path] if is_json else ["caddy", "adapt", *adapting, "--config", path]
    output = "" if complaint else inside.run(reading)[1].decode(errors="replace")
    document = document_in(output) or document_in(" ".join(output.split()))  # JSON that was laid out for people
    return Configuration(CADDY, of_caddy(document), complaint, evidence)


def _by_nginx(seeing: Seeing, inside: InsideContainer, arguments: Sequence[str]) -> Configuration:
    path = _option(arguments, "-c")
    command = ["nginx", "-T", *(["-c", posixpath.join("/etc/nginx", path)] if path else [])]
    code, output = inside.run(command)
    text = output.decode(errors="replace")
    said = list(complaints(text))  # the rest is the configuration itself, which may hold secrets
    complaint, evidence = _judged(seeing, inside, command, code, "\n".join(said) or text[:500])
    rest = "\n".join(line for line in text.splitlines() if not line.startswith("nginx: "))
    return Configuration(NGINX, of_nginx(rest), complaint, evidence)


def _asked(seeing: Seeing, inside: InsideContainer, command: Sequence[str]) -> tuple[str, Evidence]:
    code, output = inside.run(command)
    return _judged(seeing, inside, command, code, output.decode(errors="replace"))


def _judged(
    seeing: Seeing, inside: InsideContainer, command: Sequence[str], code: int, text: str
) -> tuple[str, Evidence]:
    """Give what a program refuses, empty for nothing. Raises: CouldNotLook where it could not judge."""
    service = inside.container.service
    if code in NOT_THERE:
        raise CouldNotLook(f"{service}: {command[0]} cannot be run in it", code="proxy.no_program", target=service)
    if code and NO_RIGHT.search(text):
        raise NotPermitted(f"{service}: {command[0]} may not read all that it must: {last_words(text)}", target=service)
    lines = [f"exit code {code}", *text.splitlines()[-KEPT_LINES:]]
    evidence = seeing.keep("command", source=f"{' '.join(command)} in {inside.text}", content=lines)
    return (last_words(text) if code else ""), evidence


def _folder(inside: InsideContainer) -> str:
    return str((inside.container.attributes.get("Config") or {}).get("WorkingDir") or "/")


def _option(arguments: Sequence[str], name: str) -> str:
    """Give the value of an option in either spelling, with one hyphen or two; empty where it is not there."""
    for at, word in enumerate(arguments):
        plain, equals, value = word.partition("=")
        if plain.lstrip("-") == name.lstrip("-") and plain.startswith("-"):
            return value if equals else next(iter(arguments[at + 1 :]), "")
    return ""
