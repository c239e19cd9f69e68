"""Reset a stack to a clean state: its containers, networks and volumes are made anew, empty.

What `docker-compose down -v` and `up` do, from the images and settings that the containers have now, so that no compose
file has to be at hand; changed ones are not applied. Only what bears the label of the stack's own project is removed,
each by its name or id, and never by a prune, which reaches beyond it. Kept are the volumes in which the backups of
databases lie (`down -v` takes them along), the files of the host (certificates, configuration, secrets), and the
containers by which actions refuse a second start. Everything else in volumes is gone for good. Every described
database needs a backup by `database.backup` or `database.emergency_dump` of the last 6 h that succeeded, was made in
the container that is there now, and still has its checksum. Only for stacks in containers: of processes nobody
describes where their data lie.

At most once: before the first container is stopped, one that is never started takes the step's token as its name, which
the engine refuses a second time, and nothing is stopped unless containers, networks and volumes are those that were
approved. It is one step, so that nobody can cancel it half-way. Verified by the engine's word: containers are other
ones than before and well, volumes bear the mark with which they were made, the backups have their checksums, and
databases answer through their poolers. Of a lost worker the engine tells: all anew is well, some of it is not (compose
makes what is missing; the plan has the command), none is for a person to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import (
    WHOLE_STACK,
    Acting,
    Action,
    AlreadyDone,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
)
from awe_incidents.recovery.actions.belongings import (
    Belongings,
    belongings,
    checksum_of,
    fresh_backup,
    joined,
    strangers,
)
from awe_incidents.recovery.actions.containers import before_any_effect, check_approved
from awe_incidents.recovery.actions.engine_writer import MARK_LABEL, WritingEngine
from awe_incidents.recovery.actions.ordering import (
    facts_of,
    in_order,
    is_well,
    settled,
    unanswered,
    wait_until_well,
    words_of,
)
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

CALL_MARGIN_SECONDS = 60  # removing a large volume takes its time
HEALTHY_SECONDS = 120.0  # databases are made anew, and migrations run
FOLDER_LABEL = "com.docker.compose.project.working_dir"
FILES_LABEL = "com.docker.compose.project.config_files"


@dataclass(frozen=True, kw_only=True)
class ResetParameters(Parameters):
    """How patiently."""

    grace_seconds: int = parameter("How long each may take to stop by itself.", default=10, minimum=0, maximum=120)


@dataclass(frozen=True, kw_only=True)
class ResetStack(Action[ResetParameters]):
    """Everything that is a project's own, but its backups."""

    slug: ClassVar[str] = "stack.reset"
    title: ClassVar[str] = "Reset a stack to a clean state"
    tier: ClassVar[int] = 3
    parameters: ClassVar[type[Any]] = ResetParameters

    def not_applicable(self, stack: StackConfig, parameters: ResetParameters) -> str | None:
        """Apply only to containers whose databases have described backups."""
        if stack.engine is None:
            return "its services are no containers: stop them, empty their data folders by hand, and record that"
        if without := sorted(name for name, one in stack.databases.items() if one.backups is None):
            return f"no [databases.{without[0]}.backups] says where its backups lie, and without one nothing is reset"
        try:
            in_order(stack)
        except CycleError:
            return "its services depend on each other in a circle, so there is no order to start them in"
        return None

    def target(self, stack: StackConfig, parameters: ResetParameters) -> str:
        """Lock everything."""
        return WHOLE_STACK

    def fingerprint(self, site: Site, parameters: ResetParameters) -> Mapping[str, Any]:
        """Give each container, network and volume, and the backup of each database."""
        own = belongings(site)
        if not own.volumes or not own.containers:
            raise ActionNotApplicable("this project has no volume that would be new, or no container to go by")
        backups = [fresh_backup(site, name) for name in sorted(site.stack.databases)]
        return {
            **_facts_of(own),
            "backups": [
                {
                    "database": one.database,
                    "file": one.path,
                    "execution": one.past.id,
                    "sha256": one.past.after.get("sha256"),
                }
                for one in backups
            ],
            "by_hand": site.clean(_by_hand(own.containers)),
        }

    def plan(self, acting: Acting[ResetParameters]) -> Plan:
        """Say what is gone for good."""
        facts = acting.facts
        volumes = [f"volume {name}, with everything in it" for name in facts["volumes"]]
        kept = [f"volume {name} stays as it is, as backups lie in it" for name in facts["kept"]]
        files = ", ".join(f"{one['database']} from {one['file']}" for one in facts["backups"])
        return Plan(
            destroys=(
                *volumes,
                f"what {len(facts['containers'])} containers wrote into themselves and into volumes without a name",
            ),
            way_back=f"database.restore brings back {files or 'nothing'}; nothing else comes back",
            warnings=(
                *kept,
                "files of the host stay: certificates, configuration and secrets",
                f"where it is cut short, this makes what is missing: {facts['by_hand']}",
            ),
        )

    def prechecks(self, acting: Acting[ResetParameters]) -> Iterator[str]:
        """See that all can be removed and made again, and that the backups are those that were verified."""
        site, own = acting.site, belongings(acting.site)
        yield from strangers(site, own)
        for one in own.containers:
            if joined(one):
                yield f"container {one} lives in a namespace of another; only compose can make it again"
            if site.surroundings.engine().image(one.image) is None:
                yield f"the image of container {one} is not there any more"
        for name in sorted(site.stack.databases):
            backup = fresh_backup(site, name)
            if not backup.is_same:
                yield f"{backup.path} is not the backup that execution {backup.past.id} verified"

    def steps(self, acting: Acting[ResetParameters]) -> Sequence[Step]:
        """Give the one step."""
        names = ", ".join(acting.facts["volumes"])
        title = f"Remove {len(acting.facts['containers'])} containers and the volumes {names}, and make all anew"
        return [Step("reset", title, partial(_reset, acting))]

    def verify(self, acting: Acting[ResetParameters]) -> Verified:
        """See that all is new and well, and that what was to be kept is there."""
        now = settled(lambda: list(belongings(acting.site).containers), seconds=HEALTHY_SECONDS)
        own, facts = belongings(acting.site), acting.facts
        old = {one["container"] for one in facts["containers"]}
        wrong = [f"{one} {words_of(one)}" for one in now if not is_well(one)]
        wrong += [f"{one} is the old one" for one in now if one.id in old]
        wrong += [f"there are {len(now)} containers, and not {len(old)}"] if len(now) != len(old) else []
        wrong += _volumes_amiss(facts, [*own.volumes, *own.kept])
        for one in facts["backups"]:
            service = acting.site.stack.databases[one["database"]].service
            if checksum_of(acting.site, service, one["file"]) != one["sha256"]:
                wrong.append(f"{one['file']} is not the backup any more")
        wrong = wrong or unanswered(acting.site)
        text = "; ".join(wrong) or f"{len(now)} containers and {len(own.volumes)} volumes are new, and all is well"
        before = {one["service"]: one["container"] for one in facts["containers"]}
        after = {one.service: one.id for one in now}
        return Verified(is_good=not wrong, text=text, before=before, after=after)

    def probe(self, acting: Acting[ResetParameters]) -> Probed:
        """Compare what is there with what was."""
        facts, found = acting.facts, acting.site.surroundings.containers(anew=True)
        old = {one["container"]: one["started_at"] for one in facts["containers"]}
        now = {one.id: one for seen in found.values() for one in seen}
        if {name: one.started_at for name, one in now.items()} == old:
            return Probed.CANNOT_TELL  # the first may be being stopped
        amiss = list(_volumes_amiss(facts, acting.site.surroundings.engine().volumes()))
        is_whole = not amiss and len(now) == len(old) and not set(now) & set(old) and all(map(is_well, now.values()))
        return Probed.FINISHED_WELL if is_whole else Probed.FINISHED_BADLY


def _reset(acting: Acting[ResetParameters], doing: Doing) -> None:
    grace_seconds = acting.parameters.grace_seconds
    with acting.site.engine(seconds=grace_seconds + CALL_MARGIN_SECONDS) as engine:
        if not engine.take_name(doing.token, image=acting.facts["containers"][0]["image"]):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
        with before_any_effect():
            own = belongings(acting.site)
        check_approved(acting, _facts_of(own))
        _take_down(engine, own, grace_seconds, doing)
        made = _make(engine, own, _mark(acting.facts), doing)
        for container_id, like in zip(made, own.containers, strict=True):
            doing.check()
            new = acting.site.surroundings.engine().any_container(container_id)
            engine.start(new)
            look = partial(acting.site.surroundings.engine().any_container, container_id)
            came = wait_until_well(look, doing, seconds=HEALTHY_SECONDS)
            doing.say(f"started {like.name}" + ("" if came else f", which is not well after {HEALTHY_SECONDS:g} s"))


def _facts_of(own: Belongings) -> dict[str, Any]:
    return {
        "containers": [facts_of(one) for one in own.containers],
        "networks": [{"name": one["Name"], "id": one["Id"]} for one in own.networks],
        "volumes": [one["Name"] for one in own.volumes],
        "kept": [one["Name"] for one in own.kept],
    }


def _take_down(engine: WritingEngine, own: Belongings, grace_seconds: int, doing: Doing) -> None:
    """Stop all, the last first, and only then remove the first: until there everything can be started again."""
    for one in reversed(own.containers):
        doing.check()
        if one.status in {"running", "restarting"}:
            engine.stop(one, grace_seconds=grace_seconds)
            doing.say(f"stopped {one}")
    for one in reversed(own.containers):
        doing.check()
        engine.remove(one)
    for network in own.networks:
        doing.check()
        engine.remove_network(network)
    for volume in own.volumes:
        doing.check()
        engine.remove_volume(volume["Name"])
        doing.say(f"removed volume {volume['Name']}")


def _make(engine: WritingEngine, own: Belongings, mark: str, doing: Doing) -> list[str]:
    for volume in own.volumes:
        doing.check()
        engine.make_volume(volume, mark=mark)
    for network in own.networks:
        doing.check()
        engine.make_network(network)
    made = []
    for one in own.containers:
        doing.check()
        made.append(engine.make_container(one))
    doing.say(f"made {len(own.volumes)} volumes, {len(own.networks)} networks and {len(made)} containers")
    return made


def _volumes_amiss(facts: Mapping[str, Any], volumes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which are gone, and which are not those that were made here."""
    marks = {str(one["Name"]): (one.get("Labels") or {}).get(MARK_LABEL) for one in volumes}
    yield from (f"volume {name} is gone" for name in (*facts["volumes"], *facts["kept"]) if name not in marks)
    yield from (f"volume {name} is the old one" for name in facts["volumes"] if marks.get(name, "") != _mark(facts))


def _mark(facts: Mapping[str, Any]) -> str:
    """Give what tells the volumes made here from those before: the containers that had those."""
    return hashlib.sha256(" ".join(one["container"] for one in facts["containers"]).encode()).hexdigest()


def _by_hand(containers: Sequence[Seen]) -> str:
    """Give the command that makes what is missing, as Compose noted its files at the containers."""
    labels = containers[0].labels if containers else {}
    files = " ".join(f"-f {one}" for one in str(labels.get(FILES_LABEL, "")).split(",") if one)
    folder = labels.get(FOLDER_LABEL)
    return (f"cd {folder} && " if folder else "") + f"docker-compose {files + ' ' if files else ''}up -d"
