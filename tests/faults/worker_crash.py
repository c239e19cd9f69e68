"""A poison job crashes the worker at every start, since it is requeued each time."""

from __future__ import annotations

import json
import time

from deploy.awe.compose import ComposeStack
from tests.faults.doing import redis, restarts
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    job = {"id": "poison01", "tool": "translate", "args": {}, "token": "x", "user": "agent", "queued_at": time.time()}
    redis(stack, "LPUSH", "awe:jobs", json.dumps(job))


def is_broken(stack: ComposeStack) -> bool:
    return restarts(stack, stack.settings.names.worker) >= 2


def heal(stack: ComposeStack) -> None:
    names = stack.settings.names
    stack.container(names.worker).stop(timeout=2)
    redis(stack, "DEL", "awe:jobs", "awe:jobs:processing")
    stack.container(names.worker).remove(force=True)
    stack.compose("up", "-d", "--no-deps", names.worker)


FAULT = Fault(
    slug="worker-crash",
    category="agents",
    title="a poison job crashes the worker at every start, since it is requeued each time",
    causes=("poison_job",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="worker",
    about="worker",
)
