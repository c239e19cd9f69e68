"""A job keeps the worker busy for ever; the queue grows; the container is healthy."""

from __future__ import annotations

from deploy.awe.compose import ComposeStack
from tests.faults.doing import redis, sql, submit
from tests.faults.fault import Fault


def inject(stack: ComposeStack) -> None:
    submit(stack, "sleep", seconds=86400)
    for _ in range(60):
        submit(stack)


def is_broken(stack: ComposeStack) -> bool:
    return int(redis(stack, "LLEN", "awe:jobs")) >= 50 and int(redis(stack, "LLEN", "awe:jobs:processing")) == 1


def heal(stack: ComposeStack) -> None:
    worker = stack.container(stack.settings.names.worker)
    worker.stop(timeout=2)
    redis(stack, "DEL", "awe:jobs:processing")
    sql(stack, "DELETE FROM jobs WHERE status = 'running'")  # or it is overdue an hour later
    worker.start()


FAULT = Fault(
    slug="worker-stuck",
    category="agents",
    title="a job keeps the worker busy for ever; the queue grows; the container is healthy",
    causes=("worker_stuck",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="worker",
    about="worker",
)
