"""What the running containers of a stack use, asked of all at once, so that they are seen at the same moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diagnostics.checks.result import Finding, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.container_load import ContainerLoad, container_load
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.probes.patience import all_within

ANSWER_SECONDS = 6.0  # an answer of the engine itself takes 5 s at most

Loads = Mapping[str, ContainerLoad | CouldNotLook]  # by container id; of one that ended meanwhile there is none


def running_containers(seeing: Seeing) -> list[Seen]:
    """Give the containers that run, by service. Raises: EngineFailure, NotPermitted."""
    every = (one for seen in seeing.surroundings.containers().values() for one in seen)
    return [one for one in every if one.status == "running"]


def loads_of(seeing: Seeing, containers: Sequence[Seen]) -> Loads:
    """Ask for all of them; one that cannot be asked, or that vanished, keeps no other from being seen."""
    engine, by_id = seeing.surroundings.engine(), {one.id: one for one in containers}

    def ask(container_id: str) -> ContainerLoad | None:
        one = by_id[container_id]
        return container_load(engine.stats(one), one.attributes.get("HostConfig") or {})

    answers = all_within(seeing.seconds_left(at_most=ANSWER_SECONDS), by_id, ask)
    return {one: _refusal(answer) for one, answer in answers.items() if answer is not None}


def nothing_runs(code: str) -> Finding:
    """Say that there is no container to look at; why is the finding of startup.container_state."""
    return Finding(state=State.SKIP, code=code, message="no container of the stack runs", blocks=False)


def _refusal(answer: ContainerLoad | Exception) -> ContainerLoad | CouldNotLook:
    if isinstance(answer, ContainerLoad | CouldNotLook):
        return answer
    if isinstance(answer, TimeoutError):
        return CouldNotLook(f"the engine gave no figures of it: {answer}", code="engine.timeout")
    raise answer
