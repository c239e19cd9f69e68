"""Take a stack down and up again from its compose files, such as the one for mutual TLS.

`docker-compose down` and `up` on the files that the stack's description names, by the Compose that is installed where
the worker runs, which reads the files and their `.env` there: what was changed in them is applied. Every container of
the project is removed and made anew, also of services that the files do not name any more, and its networks; volumes
stay, but for what containers keep in those without a name. Nothing is served meanwhile, and what containers wrote into
themselves is gone. Images that are not there are refused, as they would be pulled or built. `stack.full_restart` starts
the same containers again, which is quicker where nothing was changed. For an engine behind a socket or plain tcp.

At most once: before the first is removed, a container that is never started takes the step's token as its name, which
the engine refuses a second time. It is one step, so that nobody can cancel it half-way. What the files come to is part
of what is approved, by its digest. Verified by the engine's word: each service has containers that are new, well and
made from these files, and databases behind a pooler answer. Of a lost worker: all new and well is well; anything else a
person says, as Compose may still be at it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import (
    WHOLE_STACK,
    Acting,
    Action,
    ActionFailed,
    AlreadyDone,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
)
from awe_incidents.recovery.actions.composing import Compose, noted_files
from awe_incidents.recovery.actions.containers import NO_CONTAINERS
from awe_incidents.recovery.actions.engine_writer import GUARD_LABEL
from awe_incidents.recovery.actions.ordering import facts_of, is_well, settled, unanswered, words_of
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

COMPOSE_SECONDS = 600.0  # for each of down and up
HEALTHY_SECONDS = 120.0
SAID_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class ApplyComposeParameters(Parameters):
    """How patiently."""

    grace_seconds: int = parameter("How long each may take to stop by itself.", default=10, minimum=0, maximum=120)


@dataclass(frozen=True, kw_only=True)
class ApplyCompose(Action[ApplyComposeParameters]):
    """Everything of a project, made anew from its files."""

    slug: ClassVar[str] = "stack.apply_compose"
    title: ClassVar[str] = "Take a stack down and up from its compose files"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = ApplyComposeParameters

    def not_applicable(self, stack: StackConfig, parameters: ApplyComposeParameters) -> str | None:
        """Apply only to containers that are described with their files."""
        if stack.engine is None:
            return NO_CONTAINERS
        if not stack.engine.compose_files:
            return "no compose_files are described in [engine], so nothing says from what it would be made"
        is_near = stack.engine.url.startswith(("unix://", "tcp://")) and not stack.engine.tls_ca
        return None if is_near else "its engine is behind TLS or SSH, which this does not speak"

    def target(self, stack: StackConfig, parameters: ApplyComposeParameters) -> str:
        """Lock everything."""
        return WHOLE_STACK

    def fingerprint(self, site: Site, parameters: ApplyComposeParameters) -> Mapping[str, Any]:
        """Give what the files come to, and each container as it is now."""
        compose = Compose(site)
        configuration = compose.configuration()
        if not configuration.images:
            raise ActionNotApplicable(f"{', '.join(map(str, compose.files))} describe no service")
        return {
            "files": [str(path) for path in compose.files],
            "configuration": configuration.digest,
            "images": {name: site.clean(image) for name, image in configuration.images.items()},
            "containers": [facts_of(one) for one in _containers(site)],
            "made_from": sorted({str(path) for one in _containers(site) for path in noted_files(one.labels)}),
        }

    def plan(self, acting: Acting[ApplyComposeParameters]) -> Plan:
        """Say what is lost, and which files are left behind."""
        facts = acting.facts
        files, former = ", ".join(facts["files"]), ", ".join(facts["made_from"])
        gone = sorted({one["service"] for one in facts["containers"]} - set(facts["images"]))
        warnings = [f"containers come from {former} now, and from {files} then"] if former else []
        if gone:
            warnings.append(f"these are removed and not made again, as the files do not name them: {', '.join(gone)}")
        return Plan(
            destroys=(
                "every request and connection, and what services hold in memory only",
                f"what {len(facts['containers'])} containers wrote into themselves and into volumes without a name",
            ),
            way_back="put the former compose files and .env back, or describe the former files, and ask for this again",
            warnings=tuple(warnings),
        )

    def prechecks(self, acting: Acting[ApplyComposeParameters]) -> Iterator[str]:
        """Refuse what would have to be pulled or built."""
        engine = acting.site.surroundings.engine()
        for service, image in acting.facts["images"].items():
            if not image:
                yield f"{service} is built from a folder: build it first, and name its image"
            elif engine.image(image) is None:
                yield f"image {image} of {service} is not on the engine: pull or build it first"

    def steps(self, acting: Acting[ApplyComposeParameters]) -> Sequence[Step]:
        """Give the one step."""
        services = ", ".join(acting.facts["images"])
        title = f"Take everything down, and up again from {', '.join(acting.facts['files'])}: {services}"
        return [Step("apply", title, partial(_apply, acting))]

    def verify(self, acting: Acting[ApplyComposeParameters]) -> Verified:
        """See that each service is there anew, well and from these files, and ask through poolers."""
        now = settled(partial(_containers, acting.site), seconds=HEALTHY_SECONDS)
        wrong = _wrong(acting, now) or unanswered(acting.site)
        before = {one["service"]: one["started_at"] for one in acting.facts["containers"]}
        return Verified(
            is_good=not wrong,
            text="; ".join(wrong) or f"{len(now)} containers are new, well and from {', '.join(acting.facts['files'])}",
            before=before,
            after={one.service: one.started_at for one in now},
        )

    def probe(self, acting: Acting[ApplyComposeParameters]) -> Probed:
        """Tell only where all is as it should be."""
        return Probed.CANNOT_TELL if _wrong(acting, _containers(acting.site)) else Probed.FINISHED_WELL


def _wrong(acting: Acting[ApplyComposeParameters], now: Sequence[Seen]) -> list[str]:
    """Say what is not as it should be."""
    old = {one["container"] for one in acting.facts["containers"]}
    names = {Path(path).name for path in acting.facts["files"]}
    missing = sorted(set(acting.facts["images"]) - {one.service for one in now})
    wrong = [f"service {name} has no container" for name in missing]
    for one in now:
        if one.id in old:
            wrong.append(f"{one} is as before")
        elif not is_well(one):
            wrong.append(f"{one} {words_of(one)}")
        elif not names & {path.name for path in noted_files(one.labels)}:
            wrong.append(f"{one} is made from other files")
    return wrong


def _apply(acting: Acting[ApplyComposeParameters], doing: Doing) -> None:
    """Take the token, then down and up. Raises: ActionFailed, AlreadyDone, RuntimeError, TimeoutError, LeaseLost."""
    compose, facts = Compose(acting.site), acting.facts
    if compose.configuration().digest != facts["configuration"]:
        raise ActionFailed("nothing was done: the compose files come to something else than what was approved")
    with acting.site.engine(seconds=CALL_SECONDS) as engine:
        if not engine.take_name(doing.token, image=next(iter(facts["images"].values()))):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
    grace = str(acting.parameters.grace_seconds)
    for arguments in (("down", "--remove-orphans", "--timeout", grace), ("up", "-d", "--no-build")):
        doing.check()
        ended = compose.run(*arguments, seconds=COMPOSE_SECONDS, check=doing.check)
        doing.say(ended.tail(SAID_CHARACTERS))
        if ended.code != 0:
            raise RuntimeError(f"compose {arguments[0]} ended with {ended.code}")


def _containers(site: Site) -> list[Seen]:
    """Give every container of the project as it is now, but no guard of ours."""
    found = [one for seen in site.surroundings.containers(anew=True).values() for one in seen]
    own = [one for one in found if not one.labels.get(GUARD_LABEL)]
    return sorted(own, key=lambda one: (one.service, one.id))
