"""How many processes of running containers the kernel killed for their memory since they started: their cgroups' count.

The engine's mark `OOMKilled` does not tell of all: up to version 20.10 it is set when a container ends, so one that
goes on without a killed child bears none (seen with 20.10.24, which does note the event `oom`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from diagnostics.checks.seeing import Seeing
from diagnostics.probes.engine import Seen
from diagnostics.probes.patience import all_within
from diagnostics.probes.programs import MEMORY_COUNTS

ANSWER_SECONDS = 6.0  # a program in a container takes 5 s at most
KILLS = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


def kills_of(seeing: Seeing, containers: Sequence[Seen]) -> Mapping[str, int]:
    """Give the count by container id; one that cannot tell (no `cat`, no cgroup mounted, just ended) is left out.

    Raises: EngineFailure, NotPermitted.
    """
    engine, by_id = seeing.surroundings.engine(), {one.id: one for one in containers}

    def ask(container_id: str) -> int | None:
        _, output = engine.run(by_id[container_id], ["cat", *MEMORY_COUNTS])
        found = KILLS.search(output)
        return int(found[1]) if found else None

    answers = all_within(seeing.seconds_left(at_most=ANSWER_SECONDS), by_id, ask)
    return {one: answer for one, answer in answers.items() if isinstance(answer, int)}
