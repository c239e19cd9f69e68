"""The programs that a check may run inside a container: an allow-list of argument vectors, all of which only read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from diagnostics.probes.could_not_look import CouldNotLook

PATH = r"/[^\0\n]{0,400}"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,200}"
PORT = r"\d{1,5}"
INTERFACE = r"/sys/class/net/[a-z][a-z0-9]{0,14}/(?:mtu|address)"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,200}"
# In which a container's cgroup counts what the kernel killed in it: version 2 and version 1; the other is not there.
MEMORY_COUNTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
MACHINE = r"/proc/(?:meminfo|loadavg|vmstat|pressure/(?:cpu|memory|io))"

# Connects standard input and output to an address as this container sees it. What bash says of a failed connect goes
# to standard error; a first byte on standard output says that the connection stands. Either side's end ends both.
BRIDGE = 'exec 3<>"/dev/tcp/$0/$1" || exit 9; exec 4<&0; printf +; { cat <&4 >&3; kill $$; } & exec cat <&3'
# Where there is no bash (Alpine): BusyBox has nc; it says nothing of a success, so the first byte comes at once.
BRIDGE_NC = 'command -v nc >/dev/null || exit 127; printf +; exec nc "$0" "$1"'

# What each process of a container is and holds, by the shell alone: `= pid open-files`, and lines of status and limits;
# the shell itself, which is as the container's processes start, is marked by `+`.
PROCESSES = """\
for p in /proc/[0-9]*; do
  [ -r "$p/status" ] || continue
  m="=" n=-1
  [ "$p" = "/proc/$$" ] && m="+"
  if [ -r "$p/fd" ]; then
    set -- "$p"/fd/*
    case $1 in */\\*) n=0 ;; *) n=$# ;; esac
  fi
  echo "$m ${p#/proc/} $n"
  while read -r line; do
    case $line in Name:*|PPid:*|Uid:*|Gid:*|Groups:*|CapEff:*|Threads:*) echo "$line" ;; esac
  done <"$p/status"
  while read -r line; do
    case $line in "Max open files"*|"Max processes"*) echo "$line" ;; esac
  done <"$p/limits"
done 2>/dev/null
exit 0"""
# Which of the named variables each process was started with: `= pid`, its name and parent, `NAME present|empty` and
# `all HOW-MANY`. Names alone come out, never a value. Bash, as no other shell reads what ends in zero bytes.
ENVIRONMENTS = """\
for p in /proc/[0-9]*; do
  [ "$p" = "/proc/$$" ] && continue
  [ -r "$p/environ" ] || continue
  echo "= ${p#/proc/}"
  while read -r line; do
    case $line in Name:*|PPid:*) echo "$line" ;; esac
  done <"$p/status"
  all=0
  while IFS= read -r -d "" entry; do
    case $entry in *=*) all=$((all + 1)) ;; *) continue ;; esac
    for name in "$0" "$@"; do
      [ "${entry%%=*}" = "$name" ] || continue
      case ${entry#*=} in *[!\\ \\"\\']*) echo "$name present" ;; *) echo "$name empty" ;; esac
    done
  done <"$p/environ"
  echo "all $all"
done 2>/dev/null
exit 0"""
NO_PROGRAM = frozenset({126, 127, -1})  # exit codes of a container that has not the program
OPTION = re.compile(r"\s-")  # within what is meant to be one path or name
KEY_MARK = "-----BEGIN [A-Z ]*PRIVATE KEY-----"


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
    Allowed((*_just("grep", "-s", "."), INTERFACE), "MTU and address of the container's interfaces", repeats_last=True),
    Allowed(_just("cat", *MEMORY_COUNTS), "how many processes the kernel killed for their memory"),
    Allowed(_just("sh", "-c", PROCESSES), "open files, limits, users and rights of the processes"),
    Allowed((*_just("bash", "-c", ENVIRONMENTS), VARIABLE), "names of variables, never values", repeats_last=True),
    Allowed((*_just("grep", "-l", "-E", "-e", KEY_MARK), PATH), "which files hold a private key", repeats_last=True),
    Allowed((*_just("grep", "-H", ""), MACHINE), "memory, load and pressure of the machine", repeats_last=True),
    Allowed(_just("alembic", "current"), "the schema's revision"),
    Allowed(_just("alembic", "heads"), "the code's revision"),
    Allowed(_just("alembic", "history"), "titles of revisions"),
    Allowed((*_just("caddy", "validate", "--adapter", "caddyfile", "--config"), PATH), "the proxy's configuration"),
    Allowed((*_just("caddy", "validate", "--config"), PATH), "the same where it is JSON"),
    Allowed((*_just("caddy", "adapt", "--adapter", "caddyfile", "--config"), PATH), "where it passes requests to"),
    Allowed(_just("nginx", "-t"), "the proxy's configuration"),
    Allowed(_just("nginx", "-T"), "the same, and where it passes requests to"),
    Allowed((*_just("nginx", "-T", "-c"), PATH), "the same of another file"),
    Allowed((*_just("date", "-u"), r"\+%s\.%N"), "the container's clock"),
)


def is_look(command: str) -> bool:
    """Tell whether an engine's words for a program that was run are those of one in the list.

    An engine joins words by spaces, so that a path with spaces cannot be told from several words: what could be read as
    a further option is not taken for ours.
    """
    found = (_joined(allowed).fullmatch(command) for allowed in ALLOWED)
    return any(one and not OPTION.search(one["varies"] or "") for one in found)


@cache
def _joined(allowed: Allowed) -> re.Pattern[str]:
    fixed = list(takewhile(_is_fixed, allowed.pattern))
    varies = " ".join(allowed.pattern[len(fixed) :])
    if allowed.repeats_last:
        varies += f"(?: {allowed.pattern[-1]})*"
    return re.compile(" ".join(fixed) + (f"(?P<varies> {varies})" if varies else "(?P<varies>)"), re.DOTALL)


def _is_fixed(word: str) -> bool:
    return re.escape(re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL)) == word


def check_allowed(arguments: Sequence[str]) -> None:
    """Refuse whatever is not in the list.

    Raises: ProgramNotAllowed.
    """
    if not any(allowed.fits(arguments) for allowed in ALLOWED):
        raise ProgramNotAllowed(f"{' '.join(arguments)[:200]} is not among the programs that a check may run")
