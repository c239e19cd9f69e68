"""Probe of a container engine: reads only, by an allow-list of calls and of programs run inside containers.

The engine is asked over a Unix socket, TCP (with TLS files), HTTP or SSH, as the stack describes. Containers are found
by their Compose labels, never by name. There are ping, version, info, df, events, lists, inspect, logs, stats, top,
files as archives, and exec of the programs in `programs.ALLOWED`; nothing can start, stop, change or remove anything.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
from docker.tls import TLSConfig

from diagnostics.probes.engine_failures import ContainerGone, EngineFailure, check_address, explained
from diagnostics.probes.frames import Frames
from diagnostics.probes.programs import check_allowed
from diagnostics.stack import Engine

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
ONE_OFF_LABEL = "com.docker.compose.oneoff"
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

    def __str__(self) -> str:
        """Give service, short id and image digest, as evidence names its source."""
        return f"{self.service} ({self.id[:12]}, image {self.image.removeprefix('sha256:')[:12]})"


class ReadOnlyEngine:
    """The calls that a check may make; use as a context manager."""

    def __init__(self, described: Engine, *, seconds: float, root: Path) -> None:
        """Connect lazily; every call then takes at most `seconds`. Raises: EngineFailure, NotPermitted."""
        self._described, self._seconds = described, seconds
        check_address(described.url, seconds=seconds)
        with explained(described.url):
            self._client = docker.DockerClient(
                base_url=described.url,
                version="auto",
                timeout=max(1, round(seconds)),
                tls=_tls(described, root),
                use_ssh_client=described.url.startswith("ssh://"),  # the system's ssh, with its configuration
            )

    def __enter__(self) -> ReadOnlyEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def version(self) -> Mapping[str, Any]:
        """Give the engine's versions."""
        with explained(self._described.url):
            self._client.ping()
            return dict(self._client.version())

    def info(self) -> Mapping[str, Any]:
        """Give the engine's own facts: system time, storage, warnings."""
        with explained(self._described.url):
            return dict(self._client.info())

    def disk_usage(self) -> Mapping[str, Any]:
        """Give what images, containers and volumes take."""
        with explained(self._described.url):
            return dict(self._client.df())

    def containers(self) -> list[Seen]:
        """Give every container of the project, running or not, by service."""
        label = f"{PROJECT_LABEL}={self._described.project}"
        with explained(self._described.url):
            listed = self._client.api.containers(all=True, filters={"label": label})
        found = []
        for one in listed:
            labels = one.get("Labels") or {}
            if labels.get(ONE_OFF_LABEL, "False").lower() == "true":
                continue
            with contextlib.suppress(ContainerGone):  # removed between the two calls
                found.append(Seen(str(labels.get(SERVICE_LABEL, "")), one["Id"], self._inspect(one["Id"])))
        return sorted(found, key=lambda seen: (seen.service, seen.id))

    def container(self, service: str) -> Seen | None:
        """Give the container of a service; with several, the one that runs, then the newest."""
        found = [one for one in self.containers() if one.service == service]
        found.sort(key=lambda one: (one.status == "running", str(one.attributes.get("Created", ""))))
        return found[-1] if found else None

    def networks(self) -> list[Mapping[str, Any]]:
        """Give every network with its subnets and containers."""
        with explained(self._described.url):
            return [dict(self._client.api.inspect_network(one["Id"])) for one in self._client.api.networks()]

    def image(self, reference: str) -> Mapping[str, Any] | None:
        """Give what the engine has of an image, or None."""
        try:
            with explained(self._described.url):
                found: Any = self._client.images.get(reference).attrs
                return dict(found)
        except ContainerGone:
            return None

    def stats(self, container: Seen) -> Mapping[str, Any]:
        """Give one sample of resource use; takes about a second, as the engine takes two of the processor."""
        with explained(self._described.url):
            return dict(self._client.api.stats(container.id, stream=False))

    def top(self, container: Seen) -> list[list[str]]:
        """Give pid, state and command of each process in a container, as the host's ps sees them."""
        with explained(self._described.url):
            found = self._client.api.top(container.id, ps_args="-o pid,stat,args")
            return [[str(part) for part in row] for row in found.get("Processes") or []]

    def events(self, *, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
        """Give what happened to containers of the project."""
        label = f"{PROJECT_LABEL}={self._described.project}"
        with explained(self._described.url):
            ask: Any = self._client.api.events  # its types leave out the fractions that the API takes
            stream = ask(
                since=f"{since.timestamp():.6f}",
                until=f"{until.timestamp():.6f}",
                filters={"type": "container", "label": label},
                decode=True,
            )
            with contextlib.closing(stream):
                return [dict(event) for event in stream]

    def logs(
        self, container: Seen, *, since: datetime | None = None, tail: int | None = None, follow: bool = False
    ) -> Iterator[bytes]:
        """Give the raw log in chunks, each line with the engine's own time stamp in front.

        Raises: EngineFailure, ContainerGone.
        """
        with explained(self._described.url):
            stream = self._client.api.logs(
                container.id,
                stdout=True,
                stderr=True,
                stream=True,
                timestamps=True,
                follow=follow,
                since=since.timestamp() if since else None,
                tail="all" if tail is None else tail,
            )
            yield from stream

    def archive(self, container: Seen, path: str, *, max_bytes: int = MAX_ARCHIVE_BYTES) -> bytes:
        """Give a file or folder of a container as a tar archive, also of one that does not run.

        Raises: EngineFailure, ContainerGone, where the path is not there, too.
        """
        with explained(self._described.url):
            stream, _ = self._client.api.get_archive(container.id, path)
            content = b""
            for chunk in stream:
                content += chunk
                if len(content) > max_bytes:
                    raise EngineFailure("engine.too_much", f"{path} in {container} is larger than a probe reads")
            return content

    def run(self, container: Seen, arguments: Sequence[str], *, max_bytes: int = MAX_OUTPUT_BYTES) -> tuple[int, bytes]:
        """Run an allowed program inside a container and give its exit code and output, cut at `max_bytes`.

        Raises: ProgramNotAllowed, EngineFailure, ContainerGone.
        """
        started, remote = self._begin(container, arguments, stdin=False)
        output, ends_at, frames = b"", time.monotonic() + self._seconds, Frames()
        with explained(self._described.url), contextlib.closing(remote):
            connection = raw_socket(remote)
            output += b"".join(content for _, content in frames.feed(early_bytes(remote)))
            while len(output) < max_bytes:
                left = ends_at - time.monotonic()
                if left <= 0:
                    raise EngineFailure("engine.timeout", f"{arguments[0]} in {container} gave no end in time")
                connection.settimeout(left)
                if not (data := connection.recv(BUFFER_BYTES)):
                    break
                output += b"".join(content for _, content in frames.feed(data))
            code = self._client.api.exec_inspect(started).get("ExitCode")
        return (-1 if code is None else int(code)), output[:max_bytes]

    def pipe(self, container: Seen, arguments: Sequence[str]) -> Any:
        """Run an allowed program with its input and output as a raw socket (frames of the attach protocol).

        `early_bytes` of it come before what the socket gives.
        Raises: ProgramNotAllowed, EngineFailure, ContainerGone.
        """
        return self._begin(container, arguments, stdin=True)[1]

    def _begin(self, container: Seen, arguments: Sequence[str], *, stdin: bool) -> tuple[str, Any]:
        check_allowed(arguments)
        with explained(self._described.url):
            started = self._client.api.exec_create(
                container.id, list(arguments), stdin=stdin, stdout=True, stderr=True, tty=False
            )
            return str(started["Id"]), self._client.api.exec_start(started["Id"], socket=True)

    def _inspect(self, container_id: str) -> Mapping[str, Any]:
        with explained(self._described.url):
            return dict(self._client.api.inspect_container(container_id))


def raw_socket(remote: Any) -> socket.socket:
    """Give the socket under what docker-py calls one: an object of another kind for each transport."""
    found: socket.socket = getattr(remote, "_sock", remote)
    return found


def early_bytes(remote: Any) -> bytes:
    """Give what came in one piece with the answer's headers: it was read with them, and the socket has it no more.

    A program that ends at once would seem to have said nothing, now and then (seen with docker-py 7 on a busy machine).
    """
    response = getattr(remote, "_response", None)
    reader = getattr(getattr(getattr(response, "raw", None), "_fp", None), "fp", None)
    peek: Callable[[], bytes] | None = getattr(reader, "peek", None)
    if peek is None:
        return b""
    connection = raw_socket(remote)
    before = connection.gettimeout()
    connection.setblocking(False)
    try:
        return peek()
    except OSError:  # there is nothing yet
        return b""
    finally:
        connection.settimeout(before)


@contextlib.contextmanager
def opened(described: Engine, *, seconds: float, root: Path) -> Iterator[ReadOnlyEngine]:
    """Open an engine for reading.

    Raises: EngineFailure, NotPermitted.
    """
    with ReadOnlyEngine(described, seconds=seconds, root=root) as engine:
        yield engine


def _tls(described: Engine, root: Path) -> TLSConfig | bool:
    if not described.tls_ca:
        return False
    certificate = (
        (str(root / described.tls_certificate), str(root / described.tls_key))
        if described.tls_certificate and described.tls_key
        else None
    )
    return TLSConfig(client_cert=certificate, ca_cert=str(root / described.tls_ca), verify=True)
