"""Recovery workers as processes of their own, to be killed.

`python -m tests.recovery.dying EXECUTION_ID [LEASE_SECONDS]` is one. With `serve` it forks one for each line
`EXECUTION_ID POINT` that it reads, so that hundreds of deaths take the time of one start: `POINT` is where the worker
kills itself, or `-`. With the next line it is waited for; until then its number is no other process's.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")
django.setup()

from awe_incidents.recovery import operations  # noqa: E402
from awe_incidents.recovery.actions import registry  # noqa: E402
from awe_incidents.recovery.actions.base import Action  # noqa: E402
from awe_incidents.recovery.errors import NotClaimed  # noqa: E402
from awe_incidents.recovery.operations import executing  # noqa: E402
from awe_incidents.recovery.operations.claiming import claim_execution  # noqa: E402
from tests.recovery import acting  # noqa: E402

MARK = "@@"
real = registry.all_actions


class Known(dict[str, Action[Any]]):
    """The tests' actions, and the real ones once one of them is asked for: reading them takes a while."""

    def __missing__(self, slug: str) -> Action[Any]:
        return real()[slug]


def work(execution_id: int) -> None:
    try:
        operations.execute(execution_id=execution_id)
    except NotClaimed as refusal:
        print(refusal)


def hold_for(lease_seconds: float) -> None:
    """Let this process take leases of another length, which run out by the database's clock as they do."""
    vars(executing)["claim_execution"] = partial(claim_execution, lease_seconds=lease_seconds)


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str) -> None:
    """Put death in its place; the names are those of the faults of design and documentation."""
    write, sign = acting._write, executing._signed_in_time

    def write_and_die(*arguments: Any) -> None:
        write(*arguments)
        die()

    def sign_and_die(*arguments: Any) -> bool:
        return sign(*arguments) and die()

    match point:
        case "before_claim":
            die()
        case "after_claim":
            executing.carry_out = die
        case "after_intent":
            executing._signed_in_time = sign_and_die  # type: ignore[assignment]
        case "mid_effect":
            acting._write = die
        case "after_effect":
            acting._write = write_and_die  # type: ignore[assignment]
        case "in_verification":
            acting.Write.verify = die  # type: ignore[method-assign]


def serve() -> None:
    while line := sys.stdin.readline():
        execution_id, point = line.split()
        child = os.fork()
        if child == 0:
            die_at(point)
            try:
                work(int(execution_id))
            finally:
                sys.stdout.flush()
                os._exit(0)
        print(MARK, child, flush=True)
        sys.stdin.readline()
        os.waitpid(child, 0)
        print(MARK, "ended", flush=True)


if __name__ == "__main__":
    known = Known(acting.ALL)
    registry.all_actions = lambda: known  # type: ignore[assignment]
    if sys.argv[1] == "serve":
        serve()
    else:
        if sys.argv[2:]:
            hold_for(float(sys.argv[2]))
        work(int(sys.argv[1]))
