"""What an exit code of a container means (docker run, "Exit status"; 128+n is signal n by shells and runtimes)."""

from __future__ import annotations

import signal

KNOWN = {
    0: "it ended by itself",
    125: "the engine itself failed",
    126: "its command is not executable",
    127: "its command was not found",
}


def explained_exit(code: int) -> str:
    """Give an exit code in words."""
    words = KNOWN.get(code, "")
    if code > 128:
        try:
            words = f"killed by {signal.Signals(code - 128).name}"
        except ValueError:
            words = ""
    return f"exit code {code}{f', {words}' if words else ''}"
