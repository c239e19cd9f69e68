"""What is a project's own on its engine: containers, networks and volumes by their labels, and what of it stays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from awe_incidents.recovery.actions.containers import file_inside, one_container
from awe_incidents.recovery.actions.dumping import Dump
from awe_incidents.recovery.actions.engine_writer import GUARD_LABEL
from awe_incidents.recovery.actions.ordering import in_order, labelled_dependencies
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.site import Past, Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.engine import PROJECT_LABEL, Seen
from diagnostics.probes.engine_failures import ContainerGone
from diagnostics.probes.timestamps import engine_time

BACKUPS = ("database.backup", "database.emergency_dump")
FRESH = timedelta(hours=6)
MAX_COPY_BYTES = 64_000_000  # of a backup whose container does not run
JOINED = "container:"  # a namespace of another container, by an id that will be no more
ANONYMOUS = "com.docker.volume.anonymous"

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Belongings:
    """A project's own, as the engine describes it now."""

    containers: Sequence[Seen]  # in the order of starting
    networks: Sequence[Found]
    volumes: Sequence[Found]  # those that go
    kept: Sequence[Found]  # those in which backups lie


@dataclass(frozen=True, slots=True)
class Backup:
    """The newest backup of a database that succeeded, and what its file is now."""

    database: str
    path: str
    past: Past
    sha256: str  # "" where the file is not there

    @property
    def is_same(self) -> bool:
        """Say whether the file is the one that was verified."""
        return bool(self.sha256) and self.sha256 == self.past.after.get("sha256")


def belongings(site: Site) -> Belongings:
    """List what is the project's own. Raises: ActionNotApplicable, EngineFailure, NotPermitted."""
    engine, project = site.surroundings.engine(), site.stack.engine and site.stack.engine.project
    containers = [one for seen in site.surroundings.containers(anew=True).values() for one in seen]
    containers = [one for one in containers if not one.labels.get(GUARD_LABEL)]
    order = in_order(site.stack, labelled_dependencies(containers))
    containers.sort(key=lambda one: (order.index(one.service), one.name))
    networks = [one for one in engine.networks() if (one.get("Labels") or {}).get(PROJECT_LABEL) == project]
    volumes = sorted(engine.volumes(), key=lambda one: str(one["Name"]))
    holding = {name for database in site.stack.databases for name in _volumes_of_backups(site, database, containers)}
    return Belongings(
        containers,
        sorted(networks, key=lambda one: str(one["Name"])),
        [one for one in volumes if one["Name"] not in holding],
        [one for one in volumes if one["Name"] in holding],
    )


def strangers(site: Site, own: Belongings) -> list[str]:
    """Say which containers of others are in the project's networks or have its volumes. Raises: EngineFailure."""
    mine = {one.id for one in own.containers}
    users = {
        f"volume {volume['Name']}": {str(one["Id"]) for one in site.surroundings.engine().users_of(volume["Name"])}
        for volume in own.volumes
    }
    users |= {f"network {network['Name']}": set(network.get("Containers") or {}) for network in own.networks}
    return [
        f"{what} is used by container {one[:12]} of somebody else"
        for what, ids in users.items()
        for one in sorted(ids - mine)
    ]


def joined(container: Seen) -> bool:
    """Say whether a container lives in a namespace of another, which is known by its id only."""
    settings = container.attributes.get("HostConfig") or {}
    return any(str(settings.get(name) or "").startswith(JOINED) for name in ("NetworkMode", "PidMode", "IpcMode"))


def fresh_backup(site: Site, database: str) -> Backup:
    """Give the newest backup that succeeded here, is fresh, and was made in the container that is there now.

    Raises: ActionNotApplicable, EngineFailure.
    """
    described = site.stack.databases[database]
    assert described.backups is not None  # or else it is not applicable
    done = [(one, slug) for slug in BACKUPS for one in site.past(slug) if one.parameters.get("database") == database]
    newest = max(done, key=lambda pair: pair[0].finished_at, default=None)
    if newest is None or datetime.now(UTC) - newest[0].finished_at > FRESH:
        hours = FRESH.total_seconds() / 3600
        raise ActionNotApplicable(f"no backup of {database} succeeded in the last {hours:g} h: run {BACKUPS[0]} first")
    made_at = engine_time(str(one_container(site, described.service).attributes.get("Created", "")))
    if made_at is None or newest[0].finished_at < made_at:  # what is in it may be younger
        raise ActionNotApplicable(f"the container of {database} is younger than its backup: run {BACKUPS[0]} first")
    past, slug = newest
    dump = action(slug)
    assert isinstance(dump, Dump)
    path = f"{described.backups.directory}/{dump.file(described.backups, str(past.parameters['name']))}"
    return Backup(database, path, past, checksum_of(site, described.service, path))


def checksum_of(site: Site, service: str, path: str) -> str:
    """Give the checksum of a file in a container, also of one that does not run; "" where it is not there.

    Raises: ActionNotApplicable, EngineFailure (it is too large to be copied).
    """
    inside = InsideContainer(site.surroundings.engine(), one_container(site, service))
    if inside.container.status == "running":
        code, output = inside.run(["sha256sum", path])
        return output.decode(errors="replace").split()[0].lstrip("\\") if code == 0 else ""
    with suppress(ContainerGone):
        return hashlib.sha256(file_inside(inside, path, max_bytes=MAX_COPY_BYTES)).hexdigest()
    return ""


def _volumes_of_backups(site: Site, database: str, containers: Sequence[Seen]) -> list[str]:
    """Give the volume in which the backups of a database lie. Raises: ActionNotApplicable, where they would go."""
    described = site.stack.databases[database]
    folder = PurePosixPath(str(described.backups.directory if described.backups else "/"))
    for container in (one for one in containers if one.service == described.service):
        mounts = sorted(container.attributes.get("Mounts") or (), key=lambda one: -len(str(one["Destination"])))
        mount = next((one for one in mounts if folder.is_relative_to(str(one["Destination"]))), None)
        if mount is None or (mount.get("Type") == "volume" and _is_nameless(container, mount)):
            raise ActionNotApplicable(
                f"{folder} of {database} is in the container itself: its backups would go with it"
            )
        return [str(mount["Name"])] if mount.get("Type") == "volume" else []
    raise ActionNotApplicable(f"service {described.service} has no container, so its backups cannot be looked at")


def _is_nameless(container: Seen, mount: Found) -> bool:
    """Say whether a volume was made for this container alone, and goes with it."""
    settings = container.attributes.get("HostConfig") or {}
    asked = [str(one).split(":")[0] for one in settings.get("Binds") or ()]
    asked += [str(one.get("Source", "")) for one in settings.get("Mounts") or ()]
    return mount.get("Name") not in asked
