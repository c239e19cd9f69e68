"""Open files, threads and processes of containers: by a shell in each, and of its cgroup by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diagnostics.checks.container_loads import Loads, loads_of
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.container_load import ContainerLoad
from diagnostics.probes.container_processes import ContainerProcess, parse_processes
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.descriptors import Count
from diagnostics.probes.engine import ReadOnlyEngine, Seen
from diagnostics.probes.engine_failures import ContainerStopped
from diagnostics.probes.patience import all_within
from diagnostics.probes.programs import NO_PROGRAM, PROCESSES

ANSWER_SECONDS = 6.0  # a program in a container takes 5 s at most


@dataclass(frozen=True, slots=True)
class Inside:
    """What one container said of itself; what it could not say is the refusal."""

    container: Seen
    processes: Sequence[ContainerProcess] = ()
    pids: Count | None = None  # of its cgroup
    refusals: tuple[CouldNotLook, ...] = field(default=())


def processes_of(engine: ReadOnlyEngine, container: Seen) -> list[ContainerProcess]:
    """Give a container's processes; none where it has no shell.

    Raises: EngineFailure, ContainerGone, ContainerStopped.
    """
    if (container.attributes.get("HostConfig") or {}).get("PidMode") == "host":
        return []  # it sees every process of the machine
    code, output = engine.run(container, ["sh", "-c", PROCESSES])
    return [] if code in NO_PROGRAM else parse_processes(output)


def all_inside(seeing: Seeing, containers: Sequence[Seen]) -> list[Inside]:
    """Ask these running containers at once; one that stops meanwhile is left out.

    Raises: EngineFailure, NotPermitted.
    """
    engine = seeing.surroundings.engine()
    by_id = {one.id: one for one in containers}
    loads = loads_of(seeing, containers)
    seconds = seeing.seconds_left(at_most=ANSWER_SECONDS)
    answers = all_within(seconds, by_id, lambda container_id: processes_of(engine, by_id[container_id]))
    return [_inside(one, loads, answers) for one in containers if not isinstance(answers[one.id], ContainerStopped)]


def _inside(container: Seen, loads: Loads, answers: Mapping[str, list[ContainerProcess] | Exception]) -> Inside:
    load, answer = loads.get(container.id), answers[container.id]
    if isinstance(answer, TimeoutError):
        answer = CouldNotLook(f"{container}: {answer}", code="engine.timeout")
    if isinstance(answer, Exception) and not isinstance(answer, CouldNotLook):
        raise answer
    return Inside(
        container=container,
        processes=[one for one in answer if not one.is_ours] if isinstance(answer, list) else (),
        pids=load.processes if isinstance(load, ContainerLoad) else None,
        refusals=tuple(one for one in (load, answer) if isinstance(one, CouldNotLook)),
    )
