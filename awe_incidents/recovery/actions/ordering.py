"""The containers of a stack in the order of their dependencies, and how each is doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter

from awe_incidents.recovery.actions.base import Doing
from awe_incidents.recovery.actions.pooler.reconnect import answer_through
from awe_incidents.recovery.actions.site import Site
from diagnostics.probes.engine import DEPENDS_ON_LABEL, Seen
from diagnostics.stack import StackConfig

ANSWER_SECONDS = 30.0
PAUSE_SECONDS = 0.5
ONCE = {"", "no", "on-failure"}  # restart policies of what may end by itself


def in_order(stack: StackConfig, labelled: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Give services, those on which others depend first; `labelled` adds services that only Compose knows.

    Raises: graphlib.CycleError.
    """
    graph = {name: set(stack.services[name].depends_on) for name in sorted(stack.services)}
    for name, others in sorted((labelled or {}).items()):
        graph.setdefault(name, set()).update(others)
    known = {name: sorted(others & set(graph)) for name, others in graph.items()}
    return list(TopologicalSorter(known).static_order())


def labelled_dependencies(containers: Sequence[Seen]) -> dict[str, list[str]]:
    """Give what Compose noted at each container of the services that it waits for."""
    found: dict[str, list[str]] = {}
    for one in containers:
        noted = one.labels.get(DEPENDS_ON_LABEL, "")
        found.setdefault(one.service, []).extend(word.partition(":")[0] for word in noted.split(",") if word)
    return found


def identity_of(container: Seen) -> dict[str, str]:
    """Give by what this start of a container is known again."""
    return {"container": container.id, "image": container.image, "started_at": container.started_at}


def facts_of(container: Seen) -> dict[str, str]:
    """Give by what a container is known again among those of other services."""
    return {"service": container.service, **identity_of(container)}


def is_well(container: Seen) -> bool:
    """Say whether it runs and is not unhealthy, or did once what it was to do."""
    if container.status == "exited":
        settings = (container.attributes.get("HostConfig") or {}).get("RestartPolicy") or {}
        return container.state.get("ExitCode") == 0 and str(settings.get("Name", "")) in ONCE
    return container.status == "running" and health_of(container) in {"", "none", "healthy"}


def health_of(container: Seen) -> str:
    """Give what its health check says; "" where it has none."""
    return str((container.state.get("Health") or {}).get("Status", ""))


def words_of(container: Seen) -> str:
    """Say how it is."""
    return f"is {container.status}" + (f" and {health_of(container)}" if health_of(container) else "")


def wait_until_well(look: Callable[[], Seen | None], doing: Doing, *, seconds: float) -> bool:
    """Wait until a container is well; one that is not, or is gone, keeps nobody from starting the rest.

    Raises: LeaseLost.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = look()
        if now is None or is_well(now):
            return now is not None
        doing.check()
        time.sleep(PAUSE_SECONDS)
    return False


def settled(look: Callable[[], list[Seen]], *, seconds: float) -> list[Seen]:
    """Wait until all are well, and give them as they are then, or when time is up."""
    deadline = time.monotonic() + seconds
    now = look()
    while not all(map(is_well, now)) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        now = look()
    return now


def unanswered(site: Site) -> list[str]:
    """Say which databases do not answer through their poolers, after some time to come up."""
    return [answer for name, one in site.stack.databases.items() if one.pooler and (answer := _answer(site, name))]


def _answer(site: Site, name: str) -> str:
    deadline = time.monotonic() + ANSWER_SECONDS
    while (answer := answer_through(site, name)) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return answer
