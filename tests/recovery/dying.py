"""Recovery workers as processes of their own, to be killed.

`python -m tests.recovery.dying EXECUTION_ID` is one. With `serve` it forks one for each line `EXECUTION_ID POINT` that
it reads, so that hundreds of deaths take the time of one start: `POINT` is where the worker kills itself, or `-`. With
the next line it is waited for; until then its number is no other process's.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")
django.setup()

from awe_incidents.recovery import operations  # noqa: E402
from awe_incidents.recovery.actions import registry  # noqa: E402
from awe_incidents.recovery.errors import NotClaimed  # noqa: E402
from awe_incidents.recovery.operations import executing  # noqa: E402
from tests.recovery import acting  # noqa: E402

MARK = "@@"


def work(execution_id: int) -> None:
    try:
        operations.execute(execution_id=execution_id)
    except NotClaimed as refusal:
        print(refusal)


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
    registry.all_actions = lambda: acting.ALL  # type: ignore[assignment]
    if sys.argv[1] == "serve":
        serve()
    else:
        work(int(sys.argv[1]))
