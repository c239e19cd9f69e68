"""The programs that a check may run inside a container: an allow-list of argument vectors, all of which only read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from diagnostics.probes.could_not_look import CouldNotLook

PATH = r"/[^\0\n]{0,400}"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,200}"
PORT = r"\d{1,5}"

# Connects standard input and output to an address as this container sees it. What bash says of a failed connect goes
# to standard error; a first byte on standard output says that the connection stands. Either side's end ends both.
BRIDGE = 'exec 3<>"/dev/tcp/$0/$1" || exit 9; exec 4<&0; printf +; { cat <&4 >&3; kill $$; } & exec cat <&3'
# Where there is no bash (Alpine): BusyBox has nc; it says nothing of a success, so the first byte comes at once.
BRIDGE_NC = 'command -v nc >/dev/null || exit 127; printf +; exec nc "$0" "$1"'


class ProgramNotAllowed(CouldNotLook):
    """The argument vector is not in the list; that is a mistake of ours, never of the stack."""

    code = "program.not_allowed"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One argument vector: words that must be just so, and patterns of those that may vary."""

    pattern: tuple[str, ...]
    why: str
    repeats_last: bool = False  # the last word may come several times

    def fits(self, arguments: Sequence[str]) -> bool:
        """Tell whether an argument vector is this one."""
        wanted = list(self.pattern)
        if self.repeats_last and len(arguments) > len(wanted):
            wanted += [wanted[-1]] * (len(arguments) - len(wanted))
        return len(arguments) == len(wanted) and all(
            re.fullmatch(one, word, re.DOTALL) for one, word in zip(wanted, arguments, strict=True)
        )


def _just(*words: str) -> tuple[str, ...]:
    return tuple(re.escape(word) for word in words)


ALLOWED: tuple[Allowed, ...] = (
    Allowed((*_just("bash", "-c", BRIDGE), NAME, PORT), "looks at another service from inside"),
    Allowed((*_just("sh", "-c", BRIDGE_NC), NAME, PORT), "the same where there is no bash"),
    Allowed((*_just("getent", "ahosts"), NAME), "resolves a name as the container does"),
    Allowed(_just("cat", "/etc/resolv.conf"), "names the container's resolver"),
    Allowed((*_just("cat"), r"/etc/hosts"), "names that the container knows by itself"),
    Allowed((*_just("stat", "-L", "-c", "%n|%F|%a|%u|%g|%s|%Y"), PATH), "modes and owners of files", repeats_last=True),
    Allowed(_just("id"), "who the container's user is"),
    Allowed((*_just("df", "-P", "-B1"), PATH), "room on the file systems", repeats_last=True),
    Allowed((*_just("df", "-P", "-i"), PATH), "file entries left on the file systems", repeats_last=True),
    Allowed((*_just("ls", "-l", "-n", "--time-style=full-iso"), PATH), "what lies in a folder, e.g. of backups"),
    Allowed((*_just("pg_restore", "--list"), PATH), "whether a dump can be read"),
    Allowed((*_just("sha256sum"), PATH), "the checksum of a dump"),
    Allowed((*_just("head", "-c"), r"\d{1,7}", PATH), "the beginning of a file"),
    Allowed((*_just("tail", "-c"), r"\d{1,8}", PATH), "the end of a log that is a file"),
    Allowed((*_just("cat"), r"/proc/(?:\d+|self)/(?:status|limits|net/tcp6?)"), "limits and sockets of a process"),
    Allowed((*_just("cat"), r"/sys/fs/cgroup/[A-Za-z0-9_./-]+"), "the container's own limits"),
    Allowed(_just("alembic", "current"), "the schema's revision"),
    Allowed(_just("alembic", "heads"), "the code's revision"),
    Allowed(_just("alembic", "history"), "titles of revisions"),
    Allowed((*_just("caddy", "validate", "--adapter", "caddyfile", "--config"), PATH), "the proxy's configuration"),
    Allowed(_just("nginx", "-t"), "the proxy's configuration"),
    Allowed((*_just("date", "-u"), r"\+%s\.%N"), "the container's clock"),
)


def check_allowed(arguments: Sequence[str]) -> None:
    """Refuse whatever is not in the list.

    Raises: ProgramNotAllowed.
    """
    if not any(allowed.fits(arguments) for allowed in ALLOWED):
        raise ProgramNotAllowed(f"{' '.join(arguments)[:200]} is not among the programs that a check may run")
