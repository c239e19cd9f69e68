"""Probe of the host: processes by pid file, their environment, and who listens on which TCP port (psutil, /proc)."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import FileUnusable, ProcessUnknown
from diagnostics.probes.files import mode_of, read_bounded

MAX_PID_FILE_BYTES = 10_000
MAX_ENVIRONMENT_BYTES = 8_000_000
LISTENS = "0A"  # TCP_LISTEN in /proc/net/tcp
YOUNGER_SECONDS = 10.0  # a process this much younger than its pid file got the number of a dead one


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket; `pid` is None where its process may not be seen."""

    address: str
    port: int
    pid: int | None

    def __str__(self) -> str:
        """Give address:port, IPv6 in brackets."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def process_of(pid_file: Path) -> psutil.Process:
    """Give the living process that a pid file names (first line; PostgreSQL writes more below it).

    Raises: ProcessUnknown (codes pid_file.missing, pid_file.garbage, pid_file.stale, pid_file.reused), NotPermitted.
    """
    pid = _pid_in(pid_file)
    try:
        process = psutil.Process(pid)
        is_dead = process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
        younger_seconds = process.create_time() - mode_of(pid_file).st_mtime
    except psutil.AccessDenied:
        raise NotPermitted(f"process {pid} of {pid_file} may not be seen", target=str(pid_file)) from None
    except psutil.NoSuchProcess:
        if psutil.pid_exists(pid):  # /proc hides it (hidepid)
            raise NotPermitted(f"process {pid} of {pid_file} may not be seen", target=str(pid_file)) from None
        is_dead, younger_seconds = True, 0.0
    except FileUnusable as unusable:
        raise ProcessUnknown("pid_file.missing", unusable.text) from None
    if is_dead:
        raise ProcessUnknown("pid_file.stale", f"{pid_file} names process {pid}, which does not run")
    if younger_seconds > YOUNGER_SECONDS:
        text = f"{pid_file} names process {pid}, but {described(pid)} started after the file was written"
        raise ProcessUnknown("pid_file.reused", text)
    return process


def started_at(pid_file: Path) -> datetime:
    """Give when the process of a pid file was started.

    Raises: ProcessUnknown (as process_of), NotPermitted.
    """
    process = process_of(pid_file)
    try:
        return datetime.fromtimestamp(process.create_time(), UTC)
    except psutil.Error:
        raise ProcessUnknown("pid_file.stale", f"process {process.pid} of {pid_file} has just ended") from None


def _pid_in(pid_file: Path) -> int:
    try:
        data = read_bounded(pid_file, max_bytes=MAX_PID_FILE_BYTES)
    except FileUnusable as unusable:
        code = "pid_file.missing" if unusable.code == "missing" else "pid_file.garbage"
        raise ProcessUnknown(code, unusable.text) from None
    match = re.match(rb"\s*([1-9][0-9]{0,9})\s*(?:\n|$)", data)
    if match is None or int(match[1]) > 2**31 - 1:
        raise ProcessUnknown("pid_file.garbage", f"{pid_file} does not begin with a process number")
    return int(match[1])


def process_environment(pid_file: Path, names: Iterable[str]) -> dict[str, str]:
    """Give the named environment variables as the process was started with them; unset ones are left out.

    Raises: ProcessUnknown (as process_of), NotPermitted, CouldNotLook (code environment_overwritten).
    """
    process, wanted = process_of(pid_file), set(names)
    try:
        data = read_bounded(Path("/proc") / str(process.pid) / "environ", max_bytes=MAX_ENVIRONMENT_BYTES)
    except FileUnusable:
        raise ProcessUnknown("pid_file.stale", f"process {process.pid} of {pid_file} has just ended") from None
    if data and not data.strip(b"\0"):  # what a program does that writes its title over it
        text = f"process {process.pid} of {pid_file} has overwritten the environment that it was started with"
        raise CouldNotLook(text, code="environment_overwritten", target=str(pid_file))
    pairs = (entry.decode(errors="surrogateescape").partition("=") for entry in data.split(b"\0"))
    return {name: value for name, equals, value in pairs if equals and name in wanted}


def folder_of_process(pid_file: Path) -> Path:
    """Give the folder in which a process works, where its relative paths start.

    Raises: ProcessUnknown (as process_of), NotPermitted.
    """
    process = process_of(pid_file)
    try:
        return Path(process.cwd())
    except psutil.AccessDenied:
        raise NotPermitted(f"process {process.pid} of {pid_file} may not be looked into") from None
    except psutil.Error:
        raise ProcessUnknown("pid_file.stale", f"process {process.pid} of {pid_file} has just ended") from None


def family_of(process: psutil.Process) -> list[psutil.Process]:
    """Give a process and all its children, theirs included."""
    children: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        children = process.children(recursive=True)
    return [process, *children]


def listening(processes: Sequence[psutil.Process]) -> list[Listener]:
    """Give what these processes listen on, also where several of them share one socket.

    Raises: NotPermitted.
    """
    found = []
    for process in processes:
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.AccessDenied:
            text = f"the sockets of process {process.pid} belong to another user and may not be seen"
            raise NotPermitted(text) from None
        except psutil.NoSuchProcess:
            continue
        found += [
            Listener(one.laddr.ip, one.laddr.port, process.pid)
            for one in connections
            if one.laddr and one.status == "LISTEN"
        ]
    return found


def all_listeners() -> list[Listener]:
    """Give every listening TCP socket of this host; of several processes that share one, one is named."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        raise NotPermitted("the list of listening ports may not be read") from None
    return [
        Listener(one.laddr.ip, one.laddr.port, one.pid) for one in connections if one.laddr and one.status == "LISTEN"
    ]


def sharing(addresses: Collection[str], port: int) -> list[int]:
    """Give every process that has a socket which listens there, also where several share one, as far as may be seen."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(addresses, port)}
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has just ended, or is of another user
                if any(_leads_to(descriptor, wanted) for descriptor in (folder / "fd").iterdir()):
                    found.append(int(folder.name))
    return sorted(found)


def _listening_inodes(addresses: Collection[str], port: int) -> Iterator[str]:
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        with suppress(OSError):  # no IPv6
            for line in (Path("/proc/net") / table).read_text().splitlines()[1:]:
                words = line.split()
                address, _, hexadecimal = words[1].partition(":")
                if words[3] == LISTENS and int(hexadecimal, 16) == port and _address(address, family) in addresses:
                    yield words[9]


def _address(hexadecimal: str, family: socket.AddressFamily) -> str:
    """Read an address as the kernel writes it: words of four bytes, each in the machine's order."""
    data = bytes.fromhex(hexadecimal)
    words = [data[at : at + 4] for at in range(0, len(data), 4)]
    return socket.inet_ntop(family, b"".join(word[::-1] if sys.byteorder == "little" else word for word in words))


def _leads_to(descriptor: Path, wanted: Collection[str]) -> bool:
    try:
        return str(descriptor.readlink()) in wanted
    except OSError:
        return False


def started_ticks(pid: int) -> int | None:
    """Give when a process was started, in clock ticks since the boot, by which it is told from another of its number.

    None where it does not run, or is dead and not yet taken off the list.
    """
    try:
        text = (Path("/proc") / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name in front may hold whatever it likes
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def boot_id() -> str:
    """Give what tells this run of the machine from every other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def control_groups(pid: int) -> list[str]:
    """Give the paths of a process's control groups, which name its systemd unit or container; none where unseen."""
    try:
        lines = (Path("/proc") / str(pid) / "cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [line.split(":", 2)[2] for line in lines if line.count(":") >= 2]


def own_addresses() -> set[str]:
    """Give every address of this machine's network interfaces."""
    families = {socket.AF_INET, socket.AF_INET6}
    found = (one for entries in psutil.net_if_addrs().values() for one in entries if one.family in families)
    return {one.address.partition("%")[0] for one in found}


def ancestors_of(process: psutil.Process) -> set[int]:
    """Give the process numbers above a process."""
    with suppress(psutil.NoSuchProcess):
        return {parent.pid for parent in process.parents()}
    return set()


def described(pid: int | None) -> str:
    """Name a process without its arguments, which may hold secrets."""
    if pid is None:
        return "a process that this user may not see"
    try:
        process = psutil.Process(pid)
        return f"process {pid} ({process.name()}, user {process.username()})"
    except psutil.Error:
        return f"process {pid}"
