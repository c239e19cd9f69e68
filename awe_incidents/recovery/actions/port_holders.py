"""Who has a port that a service is to have: containers by the engine, processes by the kernel; never ourselves."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from awe_incidents.local.spawn import MARK
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.checks.engine_host import is_this_machine
from diagnostics.checks.port_owners import Owner, answering, owner_of, strangers_at
from diagnostics.checks.publishing import Published, held_ports, to_publish
from diagnostics.probes import host
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.engine import PROJECT_LABEL, Seen
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.host import Listener

CONTAINER, PROCESS = "container", "process"
ENGINES = ("docker-proxy", "dockerd", "rootlesskit")  # they hold a port for a container
UNIT = re.compile(r"/([^/]+\.service)(?=/|$)")
CONTAINER_ID = re.compile(r"[0-9a-f]{64}")

Holder = Mapping[str, Any]  # JSON, as it stands in the facts


@dataclass(frozen=True, slots=True)
class Place:
    """The addresses of one port that a service is to have, and the service's own containers or process."""

    wanted: tuple[Published, ...]
    is_here: bool = True  # on this machine, whose processes are looked at, too
    containers: frozenset[str] = frozenset()
    owner: Owner | None = None


def place_of(site: Site, service: str, port: int) -> Place:
    """Give what a service is to have of a port. Raises: ActionNotApplicable, EngineFailure, NotPermitted."""
    described = site.stack.services[service]
    wanted = [Published(address, number, "tcp", "") for address, number in described.listens if number == port]
    if site.stack.vantage != "container":
        if not wanted:
            raise ActionNotApplicable(f"service {service} does not declare that it listens on port {port}")
        owner = owner_of(described)
        if described.pid_file is None or owner.is_hidden:
            raise ActionNotApplicable(f"whether the port is {service}'s own cannot be told: {owner.reason}")
        return Place(tuple(wanted), owner=owner)
    own = site.surroundings.containers(anew=True).get(service, [])
    wanted += [one for container in own for one in to_publish(container) if (one.port, one.protocol) == (port, "tcp")]
    if not wanted:
        raise ActionNotApplicable(f"service {service} is not to have port {port}: it neither publishes nor declares it")
    is_here = is_this_machine(site.stack, site.surroundings.engine().info())
    return Place(tuple(wanted), is_here=is_here, containers=frozenset(one.id for one in own))


def holders_of(site: Site, place: Place) -> list[Holder]:
    """Give who else has the port, in a steady order; each is stopped as one.

    Raises: ActionNotApplicable (it may not be stopped from here), EngineFailure, NotPermitted.
    """
    ids, processes = _containers(site, place), []
    sockets = _strangers(place, is_held=bool(ids)) if place.is_here else []
    sharing = _sharing(sockets, place)
    for process in _heads(sharing):
        if container := _container_id(site, process.pid):
            ids.add(container)
        else:
            _check_foreign(site, process)
            processes.append(_process(site, process, sharing))
    others = [_container(site, site.surroundings.engine().any_container(one)) for one in sorted(ids - place.containers)]
    return [*others, *sorted(processes, key=lambda one: int(one["pid"]))]


def named(holder: Holder) -> str:
    """Name a holder for people."""
    if holder["kind"] == CONTAINER:
        of = f" of project {holder['project']}" if holder["project"] else ""
        return f"container {holder['name']} ({holder['id'][:12]}){of}"
    unit = f", unit {holder['unit']}" if holder["unit"] else ""
    return f"process {holder['pid']} ({holder['name']}, user {holder['user']}{unit})"


def is_there(site: Site, holder: Holder) -> bool:
    """Say whether the same container or process still runs as it did. Raises: EngineFailure."""
    if holder["kind"] == PROCESS:
        family = holder["family"] if host.boot_id() == holder["boot"] else ()
        return any(host.started_ticks(one["pid"]) == one["started"] for one in family)
    running = {str(one.get("Id")) for one in site.surroundings.engine().running()}
    if holder["id"] not in running:
        return False
    return bool(site.surroundings.engine().any_container(holder["id"]).started_at == holder["started_at"])


def _containers(site: Site, place: Place) -> set[str]:
    """Give the containers that have it, of whatever project."""
    if site.stack.engine is None:
        return set()
    held = [one for listed in site.surroundings.engine().running() for one in held_ports(listed)]
    return {one.container for one in held if any(one.meets(wanted) for wanted in place.wanted)}


def _container(site: Site, seen: Seen) -> Holder:
    project = seen.labels.get(PROJECT_LABEL, "")
    if site.stack.engine and project == site.stack.engine.project and seen.service in site.stack.services:
        raise ActionNotApplicable(f"the port is held by {seen.service} of this stack; change which of them has it")
    policy = str(((seen.attributes.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name", ""))
    return {
        "kind": CONTAINER,
        "id": seen.id,
        "name": site.clean(seen.name),
        "image": seen.image,
        "project": site.clean(project),
        "started_at": seen.started_at,
        "restart": policy,
    }


def _strangers(place: Place, *, is_held: bool) -> list[Listener]:
    """Give sockets of processes that have it. Raises: NotPermitted, ActionNotApplicable."""
    everybody = host.all_listeners()
    if place.owner is not None:
        found = [
            one
            for wanted in place.wanted
            for one in strangers_at(
                (wanted.address, wanted.port),
                answering(wanted.address, wanted.port, seconds=CALL_SECONDS),
                everybody,
                place.owner,
            )
        ]
    else:
        asked = [(one, Published(one.address, one.port, "tcp", "")) for one in everybody]
        found = [one for one, published in asked if any(published.meets(wanted) for wanted in place.wanted)]
    if any(one.pid is None for one in found):
        raise ActionNotApplicable("the port is held by a process that this user may not see; root sees who it is")
    foreign = [one for one in found if not _name(one.pid).startswith(ENGINES)]
    if len(foreign) < len(found) and not (is_held or place.containers):
        raise ActionNotApplicable("the port is held for a container: `docker ps --filter publish=PORT` says which")
    return foreign


def _sharing(sockets: Sequence[Listener], place: Place) -> dict[int, int]:
    """Give the processes that have these sockets, and the parent of each."""
    addresses, own = {one.address for one in sockets}, place.owner.relatives if place.owner else frozenset()
    pids = {one.pid for one in sockets if one.pid is not None}
    for port in {one.port for one in sockets}:
        pids |= set(host.sharing(addresses, port))
    found = {}
    for pid in sorted(pids - own):
        with suppress(psutil.NoSuchProcess):
            found[pid] = psutil.Process(pid).ppid()
    return found


def _heads(sharing: Mapping[int, int]) -> Iterator[psutil.Process]:
    """Give those that stand above the others: a server starts its workers anew."""
    for pid, parent in sharing.items():
        with suppress(psutil.NoSuchProcess):
            if parent not in sharing and not _name(pid).startswith(ENGINES):
                yield psutil.Process(pid)


def _process(site: Site, process: psutil.Process, sharing: Collection[int]) -> dict[str, Any]:
    pids = sorted(one.pid for one in host.family_of(process) if one.pid in sharing)
    family = [{"pid": pid, "started": ticks} for pid in pids if (ticks := host.started_ticks(pid)) is not None]
    units = [found[1] for group in host.control_groups(process.pid) for found in UNIT.finditer(group)]
    with suppress(psutil.Error):
        user = process.username()
        return {
            "kind": PROCESS,
            "pid": process.pid,
            "started": host.started_ticks(process.pid),
            "boot": host.boot_id(),
            "name": site.clean(process.name()),
            "user": site.clean(user),
            "unit": site.clean(units[-1]) if units else "",
            "family": family,  # all that share its sockets
        }
    raise ActionNotApplicable(f"process {process.pid} has just ended; look again")


def _container_id(site: Site, pid: int) -> str | None:
    """Give the container whose process it is, as of one on the host's network. Raises: ActionNotApplicable."""
    ids = {found for group in host.control_groups(pid) for found in CONTAINER_ID.findall(group)}
    ids -= {found for group in host.control_groups(os.getpid()) for found in CONTAINER_ID.findall(group)}
    if not ids:
        return None
    known = {str(one.get("Id")) for one in site.surroundings.engine().running()} if site.stack.engine else set()
    if not ids & known:
        raise ActionNotApplicable(f"process {pid} is of container {min(ids)[:12]}, which is stopped by its own engine")
    return str(min(ids & known))


def _check_foreign(site: Site, process: psutil.Process) -> None:
    """Refuse the first process, this program and what belongs to it, and every service of the stack."""
    pid = process.pid
    if pid == 1:
        raise ActionNotApplicable("the port is held by process 1, with which the machine stops")
    if pid in host.ancestors_of(psutil.Process()) | {one.pid for one in host.family_of(psutil.Process())}:
        raise ActionNotApplicable(f"the port is held by process {pid}, which belongs to this service")
    with suppress(ProcessLookupError, psutil.Error):
        if os.getsid(pid) == os.getsid(0) or (MARK in os.environ and process.environ().get(MARK) == os.environ[MARK]):
            raise ActionNotApplicable(f"the port is held by process {pid}, which was started with this service")
    for name, service in site.stack.services.items():
        if service.pid_file is None:
            continue
        with suppress(ProcessUnknown, NotPermitted, psutil.Error):
            other = host.process_of(service.pid_file)
            if pid in host.ancestors_of(other) | {one.pid for one in host.family_of(other)}:
                raise ActionNotApplicable(f"the port is held by {name} of this stack; change which of them has it")


def _name(pid: int | None) -> str:
    with suppress(psutil.Error):
        return str(psutil.Process(pid).name())
    return ""
