"""Docker Compose as it is installed where the worker runs, on a stack's described files.

Without a shell, with nothing of our environment but where programs lie, in the folder of the first file (where Compose
finds its `.env`), and ended with all that it started when the lease is lost or time is up.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from awe_incidents.recovery.actions.ended import Ended
from awe_incidents.recovery.actions.local_program import wait_for
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.compose import HANDED_ON, compose_version

VERSION_SECONDS = 60.0  # for both spellings; a machine in trouble is slow
CONFIG_SECONDS = 60.0
MAX_OUTPUT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the files come to with the variables that they take; secrets may be in it, so that it is kept nowhere."""

    digest: str  # SHA-256 of all of it
    images: Mapping[str, str]  # by service; "" where it is built


class Compose:
    """The program for one stack."""

    def __init__(self, site: Site) -> None:
        engine = site.stack.engine
        assert engine is not None  # or else it is not applicable
        self.project, self.url = engine.project, engine.url
        self.files = [site.stack.root / name for name in engine.compose_files]
        self._program: Sequence[str] = ()

    def configuration(self) -> Configuration:
        """Read the files as Compose does.

        Raises: ActionNotApplicable (Compose refuses them), ComposeUnavailable.
        """
        ended = self.run("config", seconds=CONFIG_SECONDS, only_output=True)
        if ended.code != 0:  # what it says may quote a value
            raise ActionNotApplicable(
                f"Compose refuses {', '.join(map(str, self.files))}: `config` ended with {ended.code}"
            )
        document: Any = yaml.safe_load(ended.output) or {}
        services = document.get("services") or {}
        images = {str(name): str((one or {}).get("image", "")) for name, one in sorted(services.items())}
        return Configuration(hashlib.sha256(ended.output.encode()).hexdigest(), images)

    def run(
        self,
        *arguments: str,
        seconds: float,
        check: Callable[[], None] = lambda: None,
        only_output: bool = False,
    ) -> Ended:
        """Run it to its end; give its exit code and what it said.

        Raises: ComposeUnavailable, TimeoutError, LeaseLost.
        """
        if not self._program:  # which of its spellings is here
            *self._program, _ = compose_version(seconds=VERSION_SECONDS).command.split()
        files = [word for path in self.files for word in ("-f", str(path))]
        command = [*self._program, "-p", self.project, *files, *arguments]
        with tempfile.TemporaryFile() as said:
            errors = subprocess.DEVNULL if only_output else subprocess.STDOUT
            process = self._started(command, said.fileno(), errors)
            wait_for(process, name="compose", seconds=seconds, check=check)
            text = os.pread(said.fileno(), MAX_OUTPUT_BYTES, 0).decode("utf-8", "replace")
        return Ended(process.returncode, text)

    def _started(self, command: Sequence[str], output: int, errors: int) -> subprocess.Popen[bytes]:
        environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment | {"DOCKER_HOST": self.url, "LC_ALL": "C.UTF-8", "COMPOSE_PROGRESS": "plain"},
            cwd=self.files[0].parent,
            start_new_session=True,
        )


def noted_files(labels: Mapping[str, Any]) -> list[Path]:
    """Give the names of the files that a container was made from, as Compose noted them at it."""
    noted = str(labels.get("com.docker.compose.project.config_files", ""))
    return [Path(one) for one in noted.split(",") if one]
