"""Which service a finding's target belongs to, and which services stand on which others, by the stack's description."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from diagnostics.stack import StackConfig

# "api -> redis 127.0.0.1:6379" tells of the way to redis, as api goes it.
_WAY = re.compile(r"^(?P<caller>\S+) -> (?P<called>\S+) (?P<address>\S+)$")


@dataclass(frozen=True, slots=True)
class Topology:
    """The stack's services: their roles, what each depends on, and the addresses and files that are theirs."""

    roles: Mapping[str, str]
    depends_on: Mapping[str, frozenset[str]]  # directly
    addresses: Mapping[str, str] = field(default_factory=dict)  # service by host:port, host and database name
    files: Mapping[str, str] = field(default_factory=dict)  # service by path, as described
    parts: Mapping[str, frozenset[str]] = field(default_factory=dict)  # of TLS sets by path, as described

    @classmethod
    def of(cls, stack: StackConfig) -> Topology:
        """Read a stack's description."""
        depends = {name: set(service.depends_on) for name, service in stack.services.items()}
        for caller, called in _more_dependencies(stack):
            depends.setdefault(caller, set()).add(called)
        parts = tuple(_parts(stack))
        return cls(
            roles={name: service.role for name, service in stack.services.items()},
            depends_on={name: frozenset(others & stack.services.keys() - {name}) for name, others in depends.items()},
            addresses=dict(_addresses(stack)),
            files=dict(_files(stack)) | {path: service for path, service, _ in parts},
            parts={path: frozenset(part for other, _, part in parts if other == path) for path, _, _ in parts},
        )

    def service_of(self, target: str) -> str:
        """Give the service that a target belongs to; "" where nothing says."""
        if target in self.roles:
            return target
        if way := _WAY.match(target):
            return way["called"] if way["called"] in self.roles else self.service_of(way["address"])
        if "://" in target:
            return self._at(urlsplit(target.split(" ")[-1]).netloc)
        by_path = self.files.get(_known_path(target, self.files), "")
        return by_path or self._at(target.partition("/")[0]) or self._named_in(target)

    def parts_of(self, target: str) -> frozenset[str]:
        """Give which files of TLS sets a target is: several where one file serves as all of them."""
        return self.parts.get(_known_path(target, self.parts), frozenset())

    def stands_on(self, service: str, other: str) -> bool:
        """Say whether a service is another one or depends on it, directly or by way of others."""
        return service == other or other in self.below(service)

    def below(self, service: str) -> frozenset[str]:
        """Give every service that one depends on."""
        found, pending = set[str](), [service]
        while pending:
            more = self.depends_on.get(pending.pop(), frozenset()) - found
            found |= more
            pending += more
        return frozenset(found - {service})

    def depth(self, service: str) -> int:
        """Count the services that stand on one: the deeper, the more follows from its failure."""
        return sum(service in self.below(one) for one in self.roles)

    def _at(self, address: str) -> str:
        return self.addresses.get(address, "") or self.addresses.get(address.rpartition(":")[0], "")

    def _named_in(self, target: str) -> str:
        """Give the service that a phrase names, as in `log of api`."""
        named = [word for word in re.split(r"[\s,:()]+", target) if word in self.roles]
        return named[0] if len(named) == 1 else ""


def _known_path(target: str, known: Container[str]) -> str:
    """Give a path, or the folder that it lies in, as it is known; "" where neither is."""
    if not target.startswith("/"):
        return ""
    return next((str(one) for one in (Path(target), *Path(target).parents) if str(one) in known), "")


def _more_dependencies(stack: StackConfig) -> Iterator[tuple[str, str]]:
    """Give what is said elsewhere than in depends_on: poolers stand on databases, workers on their queue."""
    for database in stack.databases.values():
        if database.pooler:
            yield database.pooler.service, database.service
    if stack.queue and stack.queue.worker_service:
        yield stack.queue.worker_service, stack.queue.service
    for endpoint in stack.endpoints.values():
        for name, service in stack.services.items():
            if service.role == "api" and endpoint.service != name and _is_proxy(stack, endpoint.service):
                yield endpoint.service, name


def _is_proxy(stack: StackConfig, service: str) -> bool:
    return service in stack.services and stack.services[service].role == "proxy"


def _addresses(stack: StackConfig) -> Iterator[tuple[str, str]]:
    for name, service in stack.services.items():
        for host, port in service.listens:
            yield f"{host}:{port}", name
    for database in stack.databases.values():
        yield f"{database.host}:{database.port}", database.service
        if pooler := database.pooler:
            yield f"{pooler.host}:{pooler.port}", pooler.service
    if stack.queue:
        yield f"{stack.queue.host}:{stack.queue.port}", stack.queue.service
    for endpoint in stack.endpoints.values():
        yield urlsplit(endpoint.url).netloc, endpoint.service


def _files(stack: StackConfig) -> Iterator[tuple[str, str]]:
    for name, service in stack.services.items():
        for path in (*service.log_files, *service.files, service.pid_file):
            if path:
                yield str(path), name
    for database in stack.databases.values():
        if database.backups:
            yield str(database.backups.directory), database.service


def _parts(stack: StackConfig) -> Iterator[tuple[str, str, str]]:
    """Give each path of a TLS set with its service and what it is; one file may be several things."""
    for name, files in stack.tls.items():
        service = next((one.service for one in stack.endpoints.values() if one.tls == name), "")
        for part in fields(files):
            path = getattr(files, part.name)
            if part.name != "name" and path:
                yield str(path), service, part.name
