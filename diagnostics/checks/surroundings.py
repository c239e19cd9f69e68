"""Where a stack's services live, seen in one way for both vantages: processes by pid file, containers by the engine.

A check asks `inside(service)` for what it wants to know of a service, whichever it is; what the service's own network
sees is reached by ways (`StackConfig` with ways for databases and queue), which are opened when they are first used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Protocol

from diagnostics.probes import host
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import ReadOnlyEngine, Seen
from diagnostics.probes.engine_failures import ContainerStopped
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.passage import Passage, passage
from diagnostics.probes.timestamps import engine_time
from diagnostics.stack import Database, Engine, Service, StackConfig

ENGINE_SECONDS = 5.0  # for one call of the engine
WORKER = "worker"
MAX_VANTAGE = 100  # characters that are stored
BY_STATUS = {
    "created": "was created and never started",
    "exited": "has exited",
    "dead": "is dead",
    "paused": "is paused",
    "restarting": "is being restarted again and again",
    "removing": "is being removed",
}


class Inside(Protocol):
    """A running service, as it can be looked into."""

    @property
    def text(self) -> str:
        """Give what it is, for evidence and people."""

    def environment(self, names: Iterable[str]) -> dict[str, str]:
        """Give the named variables that it was started with. Raises: ProcessUnknown, NotPermitted."""

    def started_at(self) -> datetime:
        """Give when it was started. Raises: ProcessUnknown, NotPermitted."""


@dataclass(frozen=True, slots=True)
class InsideProcess:
    """A service that is a process of this machine."""

    pid_file: Path

    @property
    def text(self) -> str:
        """Give the pid file."""
        return f"the process of {self.pid_file}"

    def environment(self, names: Iterable[str]) -> dict[str, str]:
        """Read /proc/PID/environ. Raises: ProcessUnknown, NotPermitted, CouldNotLook."""
        return host.process_environment(self.pid_file, names)

    def started_at(self) -> datetime:
        """Ask the kernel. Raises: ProcessUnknown, NotPermitted."""
        return host.started_at(self.pid_file)


@dataclass(frozen=True, slots=True)
class InsideContainer:
    """A service that is a container which runs."""

    engine: ReadOnlyEngine
    container: Seen

    @property
    def text(self) -> str:
        """Give the container with its image."""
        return f"container {self.container}"

    def environment(self, names: Iterable[str]) -> dict[str, str]:
        """Take them from the container's configuration."""
        wanted = set(names)
        configured = (self.container.attributes.get("Config") or {}).get("Env") or []
        pairs = (str(entry).partition("=") for entry in configured)
        return {name: value for name, equals, value in pairs if equals and name in wanted}

    def started_at(self) -> datetime:
        """Take it from the container's state. Raises: ProcessUnknown."""
        stamp = engine_time(str(self.container.state.get("StartedAt", "")))
        if stamp is None:
            raise ProcessUnknown("container.never_started", f"{self.text} was never started")
        return stamp

    def run(self, arguments: Sequence[str]) -> tuple[int, bytes]:
        """Run an allowed program in it. Raises: ProgramNotAllowed, EngineFailure, ContainerGone."""
        return self.engine.run(self.container, arguments)


@dataclass(slots=True)
class EngineWay:
    """A way to an address from inside a container, opened when it is first used."""

    host: str
    port: int
    find: Callable[[], InsideContainer]
    closing: ExitStack
    _passage: Passage | None = None
    _inside: InsideContainer | None = None

    def address(self) -> tuple[str, int]:
        """Give the local address that leads there. Raises: CouldNotLook."""
        if self._passage is None:
            try:
                inside = self.find()
            except ProcessUnknown as unknown:
                text = f"no container can look at {self.host}:{self.port}: {unknown.text}"
                raise CouldNotLook(text, code=unknown.code, target=f"{self.host}:{self.port}") from None
            opening = passage(inside.engine, inside.container, self.host, self.port)
            self._inside = inside
            self._passage = self.closing.enter_context(opening)
        return self._passage.host, self._passage.port

    @property
    def is_connected(self) -> bool:
        """Say whether a connection has come about inside."""
        return self._passage is not None and self._passage.connected

    @property
    def failure(self) -> str:
        """Say why the last connection did not come about, in the words of the program inside.

        Raises: CouldNotLook, where that program could not run, or its container ended, which ends connections, too.
        """
        if self._passage is None or self._inside is None:
            return ""
        if self._passage.refusal is not None:
            raise self._passage.refusal
        if self._inside.engine.has_ended(self._inside.container):
            raise ContainerStopped(f"{self._inside.text} ended, or was started anew, while it was looked through")
        return self._passage.failure

    def __str__(self) -> str:
        return f"{self.host}:{self.port} as {self._passage.through if self._passage else 'a container'} sees it"


@dataclass(slots=True)
class Surroundings:
    """The places of one stack during one look; close it after the look."""

    stack: StackConfig
    seconds_left: Callable[[], float]
    _closing: ExitStack = field(default_factory=ExitStack)
    _engine: ReadOnlyEngine | None = None
    _containers: dict[str, list[Seen]] | None = None
    _lock: RLock = field(default_factory=RLock)  # a check may look in several threads

    def close(self) -> None:
        """Close ways and engine."""
        self._closing.close()

    @property
    def is_container(self) -> bool:
        """Say whether the stack's services are containers."""
        return self.stack.vantage == "container"

    def engine(self) -> ReadOnlyEngine:
        """Give the stack's engine, opened once. Raises: EngineFailure, NotPermitted."""
        with self._lock:
            if self._engine is None:
                described: Engine | None = self.stack.engine
                assert described is not None  # the reader of stack.toml refuses this vantage without it
                seconds = min(ENGINE_SECONDS, self.seconds_left())
                self._engine = ReadOnlyEngine(described, seconds=seconds, root=self.stack.root)
                self._closing.push(self._engine)
            return self._engine

    @property
    def vantage(self) -> str:
        """Say where was looked from so far: inside which containers, or else where this program runs."""
        names = sorted(self._engine.looked_into) if self._engine else []
        said = f"inside container{'s' if len(names) > 1 else ''} {', '.join(names)}"
        return (said if len(said) <= MAX_VANTAGE else f"inside {len(names)} container(s)") if names else WORKER

    def containers(self, *, anew: bool = False) -> Mapping[str, list[Seen]]:
        """Give the containers of the project by service, as they were when first asked for, or as they are now.

        Raises: EngineFailure, NotPermitted.
        """
        with self._lock:
            if self._containers is None or anew:
                found: dict[str, list[Seen]] = {}
                for one in self.engine().containers():
                    found.setdefault(one.service, []).append(one)
                self._containers = found
            return self._containers

    def container(self, service: str) -> Seen:
        """Give the container of a service: one that runs before others, then the newest.

        Raises: ProcessUnknown (code container.missing), EngineFailure, NotPermitted.
        """
        found = list(self.containers().get(service, ()))
        if not found:
            raise ProcessUnknown("container.missing", f"service {service} has no container")
        found.sort(key=lambda one: (one.status == "running", str(one.attributes.get("Created", ""))))
        return found[-1]

    def inside(self, service: Service | str) -> Inside:
        """Give a running service to look into.

        Raises: ProcessUnknown (codes container.missing, container.exited, container.paused ..., or pid_file.unnamed),
        EngineFailure, NotPermitted.
        """
        one = self.stack.services[service] if isinstance(service, str) else service
        if self.is_container:
            return self._inside_container(one.name)
        if one.pid_file is None:
            raise ProcessUnknown("pid_file.unnamed", f"the stack names no pid_file of {one.name}")
        return InsideProcess(one.pid_file)

    def environment(self, service: str, names: Sequence[str]) -> dict[str, str]:
        """Give variables that a service was started with.

        Raises: ProcessUnknown, EngineFailure, NotPermitted, CouldNotLook.
        """
        return self.inside(service).environment(names)

    def can_look_into(self, service: str | None) -> bool:
        """Say whether the description tells where a service lives."""
        one = self.stack.services.get(service or "")
        return one is not None and (self.is_container or one.pid_file is not None)

    def with_ways(self) -> StackConfig:
        """Give the stack with ways to its databases and its queue, as the services that use them see them."""
        if not self.is_container:
            return self.stack
        databases = {name: self._with_ways(one) for name, one in self.stack.databases.items()}
        queue = self.stack.queue
        if queue is not None:
            queue = replace(queue, way=self.way(queue.host, queue.port, of=queue.service))
        return replace(self.stack, databases=databases, queue=queue)

    def _with_ways(self, database: Database) -> Database:
        pooler = database.pooler
        if pooler is not None:
            pooler = replace(pooler, way=self.way(pooler.host, pooler.port, of=pooler.service))
        return replace(database, way=self.way(database.host, database.port, of=database.service), pooler=pooler)

    def way(self, address: str, port: int, *, of: str, seen_from: str = "") -> EngineWay:
        """Give a way to an address of a service, from `seen_from` or else from a service that depends on it."""
        return EngineWay(address, port, lambda: self._looker(of, seen_from), self._closing)

    def _looker(self, of: str, seen_from: str) -> InsideContainer:
        """Give a container that runs and can look at a service: who depends on it before others, itself at last."""
        services = self.stack.services.values()
        users = [one.name for one in services if of in one.depends_on]
        others = [one.name for one in services if one.name not in users and one.name != of]
        order = [seen_from] if seen_from else [*self.steadiest(users), *self.steadiest(others), of]
        for name in order:
            try:
                return self._inside_container(name)
            except ProcessUnknown as unknown:
                last = unknown
        raise last

    def steadiest(self, services: Iterable[str]) -> list[str]:
        """Give services in an order to look through: those whose containers the engine never had to restart first.

        Raises: EngineFailure, NotPermitted.
        """
        restarts = {
            name: sum(int(one.attributes.get("RestartCount", 0)) for one in found)
            for name, found in self.containers().items()
        }
        return sorted(services, key=lambda name: restarts.get(name, 0))

    def _inside_container(self, service: str) -> InsideContainer:
        container = self.container(service)
        if container.status != "running":
            words = BY_STATUS.get(container.status, f"is {container.status}")
            raise ProcessUnknown(f"container.{container.status}", f"container {container} {words}")
        return InsideContainer(self.engine(), container)
