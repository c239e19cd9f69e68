"""States of runs and of the rows of their results, with the transitions that are allowed (pure)."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"


class ResultProgress(StrEnum):
    """Where the row of one result stands; `state` is the check's own answer and empty until stored."""

    WAITING = "waiting"  # for its prerequisites
    READY = "ready"  # a worker may claim it
    LOOKING = "looking"  # claimed, under a lease
    STORED = "stored"


RUN_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.FINISHED}),  # finished: it could not be started
    RunState.RUNNING: frozenset({RunState.FINISHED}),
    RunState.FINISHED: frozenset(),
}
RESULT_TRANSITIONS: dict[ResultProgress, frozenset[ResultProgress]] = {
    ResultProgress.WAITING: frozenset({ResultProgress.READY, ResultProgress.STORED}),
    ResultProgress.READY: frozenset({ResultProgress.LOOKING, ResultProgress.STORED}),
    ResultProgress.LOOKING: frozenset({ResultProgress.STORED, ResultProgress.READY}),
    ResultProgress.STORED: frozenset(),
}
