"""A container restarted by an approved action beside the engine's bare call, where an engine answers."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import docker
from docker.errors import DockerException, NotFound

from bench.harness.errors import MeasuringFailed
from bench.harness.figure import figure
from bench.harness.runs import Asker
from bench.harness.site import Site, running_site
from bench.recovery import PROGRAMS, STACK, wait_succeeded
from deploy.awe.compose.busybox import import_busybox
from deploy.awe.compose.errors import EngineMissing

NAME = "awe-bench-restarting"
IMAGE = "awe-bench-busybox:1"
GRACE_SECONDS = 10
MOST_OF_A_STACK = 6  # an hour, by the rate of the action; so one container is described as several stacks'
# It ends as soon as it is told to: what is measured is around it.
PROGRAM = ["/bin/sh", "-c", 'trap "exit 0" TERM; while :; do sleep 0.05; done']
DESCRIPTION = """
schema = 1
name = "{stack}"
environment = "Development"
vantage = "container"

[engine]
url = "{host}"
project = "{name}"

[services.api]
role = "api"
"""


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a restart by request and one by a bare call, in turns, of one container that is ours.

    A bare call starts no helper that guards against a second start, is looked at by nobody, and nobody knows of it.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if not host:
        raise MeasuringFailed("no engine: python -m deploy.awe lab engine -- python -m bench restarting")
    times = 5 if quick else 23
    with _container(host) as container, running_site() as site:
        asker = _prepare(site, host, stacks=times // MOST_OF_A_STACK + 1)
        ours, bare = list[float](), list[float]()
        with site.superuser() as connection:
            for number in range(times + 1):
                began = time.monotonic()
                container.restart(timeout=GRACE_SECONDS)
                bare.append(time.monotonic() - began)
                began = time.monotonic()
                stack = f"{STACK}-{number // MOST_OF_A_STACK}"
                body = {"stack": stack, "action": "service.restart", "because": f"bench {number}"}
                parameters = {"service": "api", "grace_seconds": GRACE_SECONDS}
                asked = int(asker.post("recovery-requests/", {**body, "parameters": parameters})["id"])
                wait_succeeded(connection, [asked])
                ours.append(time.monotonic() - began)
        ours, bare = ours[1:], bare[1:]  # the first ones warm up
        yield figure(
            "restarting_by_request",
            statistics.median(ours),
            "s",
            beside="the engine's bare call",
            beside_value=statistics.median(bare),
            ratio=statistics.median(a / b for a, b in zip(ours, bare, strict=True)),
        )


def _prepare(site: Site, host: str, *, stacks: int) -> Asker:
    token = site.tokens()["demo-operator"]
    for number in range(stacks):
        path = site.folder / f"{STACK}-{number}.toml"
        path.write_text(DESCRIPTION.format(stack=path.stem, host=host, name=NAME))
        site.manage("apply_stack", str(path))
    for name in PROGRAMS:
        site.start(name)
    return Asker(site.port, token)


@contextmanager
def _container(host: str) -> Iterator[Any]:
    """Run a container of the machine's static busybox, in no network; remove it and what guards it afterwards."""
    labels = {"com.docker.compose.project": NAME, "com.docker.compose.service": "api"}
    try:
        with closing(docker.DockerClient(base_url=host, timeout=60)) as client:
            with suppress(NotFound):
                client.containers.get(NAME).remove(force=True)
            import_busybox(host, image=IMAGE)
            made = client.containers.run(IMAGE, PROGRAM, name=NAME, labels=labels, detach=True, network_mode="none")
            before = {one.id for one in client.containers.list(all=True)}
            try:
                yield made
            finally:
                for one in client.containers.list(all=True):
                    if one.id not in before:
                        one.remove(force=True)
                made.remove(force=True)
                client.images.remove(IMAGE, force=True)
    except (DockerException, EngineMissing) as error:
        raise MeasuringFailed(f"the engine at {host}: {error}") from error
