"""Steps on containers act on what was approved, and on nothing that took its place since the last look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from awe_incidents.recovery.actions.base import Acting, ActionFailed, AlreadyDone, Doing
from awe_incidents.recovery.actions.parameters import read_parameters
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.site import Site
from diagnostics.stack import SecretResolver, StackConfig
from tests.recovery.actions.service.test_restart import CountingEngine, served

PROJECT = {"com.docker.compose.project": "shop"}
TOKEN = "awe-recovery-1-1"


@dataclass
class Engine(CountingEngine):
    """One container, its network and its volumes, and every call that changes something of them."""

    container: str = "c" * 64
    is_there: bool = True
    network: str = "n" * 64
    volumes: list[str] = field(default_factory=lambda: ["shop_data"])
    changed: list[str] = field(default_factory=list)

    def get(self, path: str) -> Any:
        if path == "/volumes":
            return {"Volumes": [{"Name": name, "Labels": PROJECT} for name in self.volumes]}
        if path.startswith("/networks"):
            network = {"Id": self.network, "Name": "shop_default", "Labels": PROJECT}
            return [network] if path == "/networks" else network
        found = super().get(path)
        if path == "/containers/json":
            return [{**one, "Id": self.container} for one in found] if self.is_there else []
        return {**found, "Id": self.container} if path.startswith("/containers/") else found

    def post(self, path: str, query: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path != "/containers/create":
            self.changed.append(path.rpartition("/")[2])
            return 204, None
        return super().post(path, query, body)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def stack(engine: Engine, tmp_path: Path) -> Iterator[StackConfig]:
    with served(engine, tmp_path) as stack:
        yield stack


def acting_on(stack: StackConfig, engine: Engine, slug: str) -> Acting[Any]:
    engine.status = "paused" if slug == "service.unpause" else "running"
    one, document = action(slug), {"service": "api"} if slug.startswith("service.") else {}
    site, parameters = Site(stack, SecretResolver(stack.root)), read_parameters(one.parameters, document)
    return Acting(site, parameters, one.fingerprint(site, parameters))


def run(acting: Acting[Any], slug: str) -> None:
    (step,) = action(slug).steps(acting)
    try:
        step.run(Doing(token=TOKEN, say=lambda _: None, check=lambda: None))
    finally:
        acting.site.close()


CONTAINERS = ["service.restart", "service.unpause", "stack.full_restart", "stack.reset"]
SINCE: dict[str, Callable[[Engine], Any]] = {
    "another container": lambda engine: setattr(engine, "container", "d" * 64),
    "started anew": lambda engine: setattr(engine, "restarts", 1),
    "gone": lambda engine: setattr(engine, "is_there", False),
    "not paused": lambda engine: setattr(engine, "status", "running"),
    "another network": lambda engine: setattr(engine, "network", "m" * 64),
    "one more volume": lambda engine: engine.volumes.append("shop_more"),
}


@pytest.mark.parametrize(
    ("slug", "since"),
    [(slug, since) for slug in CONTAINERS for since in ("another container", "started anew", "gone")]
    + [("service.unpause", "not paused"), ("stack.reset", "another network"), ("stack.reset", "one more volume")],
)
def test_what_is_not_what_was_approved_stays_as_it_is(
    stack: StackConfig, engine: Engine, slug: str, since: str
) -> None:
    acting = acting_on(stack, engine, slug)
    SINCE[since](engine)
    with pytest.raises(ActionFailed, match="nothing was changed: "):
        run(acting, slug)
    assert engine.changed == []
    with pytest.raises(AlreadyDone):
        run(acting, slug)


@pytest.mark.parametrize(
    ("slug", "changed"),
    [
        ("service.restart", ["restart"]),
        ("service.unpause", ["unpause"]),
        ("stack.full_restart", ["stop", "start"]),
    ],
)
def test_what_is_as_approved_is_acted_on_once(
    stack: StackConfig, engine: Engine, slug: str, changed: list[str]
) -> None:
    acting = acting_on(stack, engine, slug)
    run(acting, slug)
    with pytest.raises(AlreadyDone):
        run(acting, slug)
    assert engine.changed == changed
