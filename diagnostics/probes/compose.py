"""Probe of Docker Compose as it is installed beside the process that looks: which version, in both of its spellings.

Only the argument vectors in `SPELLINGS` are ever run: without a shell, with nothing of our environment but where
programs lie, and killed with all that they started when time is up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass

from diagnostics.probes.errors import ProbeFailure

SPELLINGS = (("docker", "compose", "version"), ("docker-compose", "version"))
MAX_OUTPUT_BYTES = 4_000
HANDED_ON = ("PATH", "HOME", "DOCKER_CONFIG")  # where the programs and their plugins lie


class ComposeUnavailable(ProbeFailure):
    """Neither spelling gave a version; code `compose.missing`, `compose.failed` or `compose.timeout`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a spelling printed."""

    command: str
    text: str


def compose_version(*, seconds: float) -> Answer:
    """Ask for the version, each spelling for half of the time at most.

    Raises: ComposeUnavailable, saying what became of each spelling.
    """
    failures = []
    for spelling in SPELLINGS:
        try:
            return Answer(" ".join(spelling), _output_of(spelling, seconds / len(SPELLINGS)))
        except ComposeUnavailable as failure:
            failures.append(failure)
    told = "; ".join(failure.text for failure in failures)
    worst = next((failure.code for failure in failures if failure.code != "compose.missing"), "compose.missing")
    raise ComposeUnavailable(worst, told)


def _output_of(arguments: tuple[str, ...], seconds: float) -> str:
    command = f"`{' '.join(arguments)}`"
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ} | {"LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as output:  # no pipe: who prints without end must not fill our memory
        try:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise ComposeUnavailable("compose.missing", f"{command} cannot be run here: {error.strerror}") from None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ComposeUnavailable("compose.timeout", f"{command} gave no end within {seconds:g} s") from None
        finally:
            _end(process)
        text = os.pread(output.fileno(), MAX_OUTPUT_BYTES, 0).decode("utf-8", "replace").strip()
    if code != 0 or not text:
        what = f"ended with exit code {code}" if code else "printed nothing"
        raise ComposeUnavailable("compose.failed", f"{command} {what}")
    return text


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the program's session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
