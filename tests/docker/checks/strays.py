"""Containers that tests start beside a deployment: of its project, so that checks see them, and removed afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from docker.models.containers import Container

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.building import image
from deploy.awe.compose.stack import PROJECT_LABEL, SERVICE_LABEL
from diagnostics.stack import Service, StackConfig, read_stack
from tests.diagnostics.brokers import wait_until

STRAY = "stray"
READY = b"ready"


@contextmanager
def stray(lab: ComposeStack, program: str, *arguments: str, says: bytes = READY, **options: Any) -> Iterator[Container]:
    """Run Python in a container of the service `stray` until it says that it is ready, and give the container."""
    labels = {PROJECT_LABEL: lab.settings.project, SERVICE_LABEL: STRAY}
    command = ["python", "-u", "-c", program, *arguments]
    running: Container = lab.engine.containers.run(image("app"), command, labels=labels, detach=True, **options)
    try:
        wait_until(lambda: says in running.logs(), seconds=30)
        yield running
    finally:
        running.remove(force=True)


def described(
    lab: ComposeStack, *, thresholds: Mapping[str, Mapping[str, float]] | None = None, **more: Any
) -> StackConfig:
    """Describe the deployment with the service `stray`, and with these limits besides its own."""
    config = read_stack(lab.description)
    services = {**config.services, STRAY: Service(name=STRAY, role="other", **more)}
    return replace(config, services=services, thresholds={**config.thresholds, **(thresholds or {})})
