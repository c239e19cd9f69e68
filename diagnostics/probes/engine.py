"""Probe of a container engine: reads only, by an allow-list of calls and of programs run inside containers.

The engine is asked over a Unix socket, TCP (with TLS files), HTTP or SSH, as the stack describes. Containers are found
by their Compose labels, never by name. There are ping, version, info, df, events, lists, inspect, logs, stats, top,
files as archives, and exec of the programs in `programs.ALLOWED`; nothing can start, stop, change or remove anything.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from docker.utils import version_gte

from diagnostics.probes.container_log import ContainerLog
from diagnostics.probes.engine_connection import EngineConnection
from diagnostics.probes.engine_events import EngineEvent, read_events
from diagnostics.probes.engine_failures import ContainerGone, EngineFailure
from diagnostics.probes.engine_sockets import early_bytes, raw_socket
from diagnostics.probes.frames import Frames
from diagnostics.probes.programs import check_allowed
from diagnostics.probes.response_blocks import blocks_until
from diagnostics.stack import Engine

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
DEPENDS_ON_LABEL = "com.docker.compose.depends_on"  # `database:service_healthy:false,redis:service_started:true`
BUFFER_BYTES = 65_536
MAX_OUTPUT_BYTES = 1_000_000
MAX_ARCHIVE_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A container as the engine described it at one moment."""

    service: str
    id: str
    attributes: Mapping[str, Any] = field(repr=False)  # of inspect; its environment holds secrets

    @property
    def name(self) -> str:
        """Its name, for people."""
        return str(self.attributes.get("Name", "")).lstrip("/")

    @property
    def state(self) -> Mapping[str, Any]:
        """`State` of inspect."""
        return dict(self.attributes.get("State") or {})

    @property
    def image(self) -> str:
        """The digest of its image."""
        return str(self.attributes.get("Image", ""))

    @property
    def status(self) -> str:
        """created, running, paused, restarting, exited or dead."""
        return str(self.state.get("Status", ""))

    @property
    def started_at(self) -> str:
        """When it was last started, as the engine writes it."""
        return str(self.state.get("StartedAt", ""))

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, by which Compose and others know it."""
        labels = (self.attributes.get("Config") or {}).get("Labels") or {}
        return {str(name): str(value) for name, value in labels.items()}

    @property
    def has_terminal(self) -> bool:
        """Say whether it writes to a terminal (`tty: true`), so that its output comes without frames."""
        return bool((self.attributes.get("Config") or {}).get("Tty"))

    def __str__(self) -> str:
        """Give service, short id and image digest, as evidence names its source."""
        return f"{self.service} ({self.id[:12]}, image {self.image.removeprefix('sha256:')[:12]})"


class ReadOnlyEngine(EngineConnection):
    """The calls that a check may make; use as a context manager."""

    def __init__(self, described: Engine, *, seconds: float, root: Path) -> None:
        """Connect lazily; every call then takes at most `seconds`. Raises: EngineFailure, NotPermitted."""
        super().__init__(described, seconds=seconds, root=root)
        self.looked_into = set[str]()  # services in whose containers a program was started

    def version(self) -> Mapping[str, Any]:
        """Give the engine's versions."""
        with self._explained():
            self._client.ping()
            return dict(self._client.version())

    def info(self) -> Mapping[str, Any]:
        """Give the engine's own facts: system time, storage, warnings."""
        with self._explained():
            return dict(self._client.info())

    def disk_usage(self) -> Mapping[str, Any]:
        """Give what images, containers and volumes take."""
        with self._explained():
            return dict(self._client.df())

    def containers(self) -> list[Seen]:
        """Give every container of the project, running or not, by service."""
        label = f"{PROJECT_LABEL}={self._described.project}"
        with self._explained():
            listed = self._client.containers(all=True, filters={"label": label})
        found = []
        for one in listed:
            labels = one.get("Labels") or {}
            if labels.get(ONE_OFF_LABEL, "False").lower() == "true":
                continue
            with contextlib.suppress(ContainerGone):  # removed between the two calls
                found.append(Seen(str(labels.get(SERVICE_LABEL, "")), one["Id"], self._inspect(one["Id"])))
        return sorted(found, key=lambda seen: (seen.service, seen.id))

    def has_ended(self, container: Seen) -> bool:
        """Say whether a container that ran has ended, or was started anew, since it was seen.

        Raises: EngineFailure, NotPermitted.
        """
        try:
            state = self._inspect(container.id).get("State") or {}
        except ContainerGone:
            return True
        return (state.get("StartedAt"), state.get("Status")) != (container.state.get("StartedAt"), container.status)

    def container(self, service: str) -> Seen | None:
        """Give the container of a service; with several, the one that runs, then the newest."""
        found = [one for one in self.containers() if one.service == service]
        found.sort(key=lambda one: (one.status == "running", str(one.attributes.get("Created", ""))))
        return found[-1] if found else None

    def networks(self) -> list[Mapping[str, Any]]:
        """Give every network with its subnets and containers."""
        with self._explained():
            return [dict(self._client.inspect_network(one["Id"])) for one in self._client.networks()]

    def volumes(self) -> list[Mapping[str, Any]]:
        """Give the volumes that Compose made for the project."""
        label = f"{PROJECT_LABEL}={self._described.project}"
        with self._explained():
            return [dict(one) for one in self._client.volumes(filters={"label": label}).get("Volumes") or ()]

    def users_of(self, volume: str) -> list[Mapping[str, Any]]:
        """Give what the list says of each container, of whatever project and running or not, that has a volume."""
        with self._explained():
            return [dict(one) for one in self._client.containers(all=True, filters={"volume": volume})]

    def image(self, reference: str) -> Mapping[str, Any] | None:
        """Give what the engine has of an image, or None."""
        try:
            with self._explained():
                inspect: Any = self._client.inspect_image  # it has no types
                return dict(inspect(reference))
        except ContainerGone:
            return None

    def running(self) -> list[Mapping[str, Any]]:
        """Give what the list says of each running container of whatever project: names, labels, published ports."""
        with self._explained():
            return [dict(one) for one in self._client.containers()]

    def any_container(self, container_id: str) -> Seen:
        """Give a container of whatever project. Raises: ContainerGone, EngineFailure."""
        found = self._inspect(container_id)
        labels = (found.get("Config") or {}).get("Labels") or {}
        return Seen(str(labels.get(SERVICE_LABEL, "")), container_id, found)

    def stats(self, container: Seen) -> Mapping[str, Any]:
        """Give the counters of resource use as they stand; engines before Docker 20.10 take a second or two for it."""
        with self._explained():
            at_once = version_gte(self._client.api_version, "1.41") or None
            return dict(self._client.stats(container.id, stream=False, one_shot=at_once))

    def top(self, container: Seen) -> list[list[str]]:
        """Give pid, state and command of each process in a container, as the host's ps sees them."""
        with self._explained():
            found = self._client.top(container.id, ps_args="-o pid,stat,args")
            return [[str(part) for part in row] for row in found.get("Processes") or []]

    def events(self, *, since: datetime, until: datetime) -> list[EngineEvent]:
        """Give what happened at the engine, to whatever project, as far back as it still knows.

        Raises: EngineFailure, NotPermitted.
        """
        ends_at = time.monotonic() + self._seconds
        with self._explained():
            response = self._client.open_events(since=since, until=until, seconds=self._seconds)
            with contextlib.closing(response):
                return read_events(blocks_until(ends_at, response, seconds=self._seconds, what="its events"))

    def logs(
        self,
        container: Seen,
        *,
        since: datetime | None = None,
        tail: int | None = None,
        follow: bool = False,
        seconds: float | None = None,
    ) -> ContainerLog:
        """Give the raw log, to be read within `seconds` (those of any call); it is asked for when that begins."""

        def opened(seconds: float) -> requests.Response:
            return self._client.open_log(container.id, since=since, tail=tail, follow=follow, seconds=seconds)

        limit = self._seconds if seconds is None else seconds
        return ContainerLog(opened, self._explained, limit, is_terminal=container.has_terminal)

    def archive(self, container: Seen, path: str, *, max_bytes: int = MAX_ARCHIVE_BYTES) -> bytes:
        """Give a file or folder of a container as a tar archive, also of one that does not run.

        Raises: EngineFailure, ContainerGone, where the path is not there, too.
        """
        ends_at = time.monotonic() + self._seconds
        with self._explained():
            response = self._client.open_archive(container.id, path, seconds=self._seconds)
            with contextlib.closing(response):
                content = bytearray()
                for block in blocks_until(ends_at, response, seconds=self._seconds, what=path):
                    content += block
                    if len(content) > max_bytes:
                        raise EngineFailure("engine.too_much", f"{path} in {container} is larger than a probe reads")
                return bytes(content)

    def run(self, container: Seen, arguments: Sequence[str], *, max_bytes: int = MAX_OUTPUT_BYTES) -> tuple[int, bytes]:
        """Run an allowed program inside a container and give its exit code and output, cut at `max_bytes`.

        Raises: ProgramNotAllowed, EngineFailure, ContainerGone.
        """
        started, remote = self._begin(container, arguments, stdin=False)
        output, ends_at, frames = b"", time.monotonic() + self._seconds, Frames()
        connection = raw_socket(remote)  # which closing what docker-py gives leaves open for the collector
        with self._explained(), contextlib.closing(connection), contextlib.closing(remote):
            output += b"".join(content for _, content in frames.feed(early_bytes(remote)))
            while len(output) < max_bytes:
                left = ends_at - time.monotonic()
                if left <= 0:
                    raise EngineFailure("engine.timeout", f"{arguments[0]} in {container} gave no end in time")
                connection.settimeout(left)
                if not (data := connection.recv(BUFFER_BYTES)):
                    break
                output += b"".join(content for _, content in frames.feed(data))
            code = self._client.exec_inspect(started).get("ExitCode")
        return (-1 if code is None else int(code)), output[:max_bytes]

    def pipe(self, container: Seen, arguments: Sequence[str]) -> Any:
        """Run an allowed program with its input and output as a raw socket (frames of the attach protocol).

        `early_bytes` of it come before what the socket gives.
        Raises: ProgramNotAllowed, EngineFailure, ContainerGone.
        """
        return self._begin(container, arguments, stdin=True)[1]

    def _begin(self, container: Seen, arguments: Sequence[str], *, stdin: bool) -> tuple[str, Any]:
        check_allowed(arguments)
        with self._explained():
            started = self._client.exec_create(
                container.id, list(arguments), stdin=stdin, stdout=True, stderr=True, tty=False
            )
            self.looked_into.add(container.service)
            return str(started["Id"]), self._client.exec_start(started["Id"], socket=True)

    def _inspect(self, container_id: str) -> Mapping[str, Any]:
        with self._explained():
            return dict(self._client.inspect_container(container_id))


@contextlib.contextmanager
def opened(described: Engine, *, seconds: float, root: Path) -> Iterator[ReadOnlyEngine]:
    """Open an engine for reading.

    Raises: EngineFailure, NotPermitted.
    """
    with ReadOnlyEngine(described, seconds=seconds, root=root) as engine:
        yield engine
