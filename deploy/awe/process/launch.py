"""Become a program with the environment of a file: `launch.py ENVIRONMENT_FILE PROGRAM [ARGUMENT]...`.

Run as a plain script by the supervisor at every start, so that what an operator changes in the file counts from the
next restart on, and secrets stand in no argument list.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(environment_file: str, *command: str) -> None:
    """Replace this process by the command; ours is kept below what the file says."""
    lines = Path(environment_file).read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    os.execve(command[0], command, {**os.environ, **variables})  # noqa: S606  that there is no shell is right


if __name__ == "__main__":
    main(*sys.argv[1:])
