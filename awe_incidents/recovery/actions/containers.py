"""The container of a service, and programs that an action runs inside it: once for a token."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from awe_incidents.recovery.actions.base import Acting, ActionFailed, AlreadyDone, Doing
from awe_incidents.recovery.actions.ended import Ended
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.engine import Seen, opened
from diagnostics.stack import StackConfig

TAR_BYTES = 65_536  # what the archive of one file has beside its content
NO_CONTAINERS = "its services are no containers; do it by hand, and record that"


def one_container(site: Site, service: str) -> Seen:
    """Give the only container of a service as it is now. Raises: ActionNotApplicable, EngineFailure."""
    found = list(site.surroundings.containers(anew=True).get(service, ()))
    if len(found) != 1:
        raise ActionNotApplicable(f"service {service} has {len(found)} containers; this action takes exactly one")
    return found[0]


def running_container(site: Site, service: str) -> Seen:
    """Give the only container of a service, which runs. Raises: ActionNotApplicable, EngineFailure."""
    container = one_container(site, service)
    if container.status != "running":
        raise ActionNotApplicable(f"container {container} is {container.status}, so no program can run in it")
    return container


def run_once(site: Site, service: str, arguments: Sequence[str], *, doing: Doing, seconds: float) -> Ended:
    """Run a program inside a service's container, if the step's token was never used before.

    Raises: AlreadyDone, ActionNotApplicable, EngineFailure, LeaseLost.
    """
    container = running_container(site, service)
    with site.engine(seconds=CALL_SECONDS) as engine:
        if not engine.take_name(doing.token, image=container.image):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
        doing.check()
        return engine.run(container, arguments, seconds=seconds, check=doing.check)


def check_approved(acting: Acting[Any], now: Mapping[str, Any]) -> None:
    """See in a step, before its first effect, that these facts are what was approved still. Raises: ActionFailed."""
    if changed := [name for name, fact in now.items() if acting.facts[name] != fact]:
        raise ActionFailed(f"nothing was changed: it is not what was approved any more ({', '.join(changed)})")


@contextmanager
def before_any_effect() -> Iterator[None]:
    """Say of what is not there any more that nothing was changed. Raises: ActionFailed."""
    try:
        yield
    except ActionNotApplicable as gone:
        raise ActionFailed(f"nothing was changed: {gone}") from None


@contextmanager
def looking_inside(site: Site, service: str, *, seconds: float = CALL_SECONDS) -> Iterator[InsideContainer]:
    """Look into a service's container, by the calls of checks. Raises: ActionNotApplicable, EngineFailure."""
    container = running_container(site, service)
    if site.stack.engine is None:
        raise ActionNotApplicable(f"stack {site.stack.name} has no engine")
    with opened(site.stack.engine, seconds=seconds, root=site.stack.root) as engine:
        yield InsideContainer(engine, container)


def file_inside(inside: InsideContainer, path: str, *, max_bytes: int) -> bytes:
    """Give the content of a file in a container. Raises: ContainerGone (it is not there), EngineFailure."""
    archive = inside.engine.archive(inside.container, path, max_bytes=max_bytes + TAR_BYTES)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next((one for one in tar if one.isfile()), None)
        content = tar.extractfile(member) if member else None
        return content.read() if content else b""


def no_database(stack: StackConfig, name: str) -> str | None:
    """Say why a database cannot be acted on inside its container, or give None."""
    if why := not_described(stack, name):
        return why
    return NO_CONTAINERS if stack.engine is None else None


def not_described(stack: StackConfig, database: str) -> str | None:
    """Say that a stack describes no such database, or give None."""
    if database in stack.databases:
        return None
    known = ", ".join(sorted(stack.databases)) or "none"
    return f"stack {stack.name} describes no database {database}; known: {known}"
