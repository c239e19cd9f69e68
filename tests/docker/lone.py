"""One container of a project of its own, for what needs a real engine and no deployment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import docker
from docker.errors import NotFound

from deploy.awe.compose.building import BASE

PROJECT = "awe-lone-test"
SERVICE = "shop"


@contextmanager
def running(client: docker.DockerClient, command: list[str], *, start: bool = True, **options: Any) -> Iterator[Any]:
    labels = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": SERVICE}
    made = client.containers.create(BASE, command, labels=labels, **options)
    try:
        if start:
            made.start()
        yield made
    finally:
        with suppress(NotFound):  # a test may have removed it
            made.remove(force=True)


def shell(script: str) -> list[str]:
    return ["bash", "-c", script]
