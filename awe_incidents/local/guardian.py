"""The last one out: a tiny process that clears up when the supervisor itself was killed.

Run as a plain script with nothing but the standard library. It learns the process id of every child, a line each, on
standard input; at the end of that input the supervisor is gone. The children were told by the kernel to stop (see
spawn.py); whoever is still there after the grace is killed, with everything that bears the supervisor's mark. The
supervisor's lock is held meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.1


def main(mark: str, grace_seconds: float) -> None:
    """Wait for the supervisor to go, then see that all of its descendants go."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the supervisor ends us by closing the pipe
    children: dict[int, str] = {}
    for line in sys.stdin:
        pid = int(line)
        children[pid] = started_at(pid)
    deadline = time.monotonic() + grace_seconds
    while (left := living(children) | marked(mark)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    while left:
        for pid in left:
            kill(pid)
        time.sleep(POLL_SECONDS)
        left = living(children) | marked(mark)


def living(children: dict[int, str]) -> set[int]:
    """Give those children that still run; a start time tells them from later processes with the same number."""
    return {pid for pid, started in children.items() if started and started_at(pid) == started}


def started_at(pid: int) -> str:
    """Give the start time of a running process in clock ticks, or an empty text (field 22 of /proc/PID/stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def marked(mark: str) -> set[int]:
    """Give the processes whose environment bears the supervisor's mark."""
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and bears(entry, mark)}


def bears(process: Path, mark: str) -> bool:
    """Tell whether this /proc entry's environment holds the mark."""
    try:
        return f"AWE_SUPERVISED={mark}".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def kill(pid: int) -> None:
    """Kill the process and its group; nothing happens when it is gone."""
    for send in (os.killpg, os.kill):
        try:
            send(pid, signal.SIGKILL)
        except OSError:
            continue


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
