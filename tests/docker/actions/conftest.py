"""Actions on the deployment in containers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import docker
import pytest

from awe_incidents.recovery.actions.parameters import read_parameters
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.site import Site
from deploy.awe.compose import ComposeStack
from diagnostics.stack import SecretResolver, read_stack
from tests.recovery.trial import Trial


@dataclass
class Trials:
    """What tests do on the deployment, in few words."""

    lab: ComposeStack
    site: Site
    made: list[Trial] = field(default_factory=list)

    def plan(self, slug: str, **document: Any) -> Trial:
        """Plan an action. Raises: whatever a requester would be told."""
        self.made.append(Trial.planned(self.site, slug, **document))
        return self.made[-1]

    def not_applicable(self, slug: str, **document: Any) -> str:
        one = action(slug)
        return one.not_applicable(self.site.stack, read_parameters(one.parameters, document)) or ""

    def psql(self, query: str, *, dbname: str = "ai_workflow_engine") -> list[str]:
        """Ask with plain psql inside the database's container."""
        service = self.lab.settings.names.database
        return self.lab.exec(service, ["psql", "-U", "postgres", "-d", dbname, "-Atc", query]).split("\n")[:-1]


@pytest.fixture
def trials(lab: ComposeStack) -> Iterator[Trials]:
    stack = read_stack(lab.description)
    with closing(Site(stack, SecretResolver(stack.root))) as site:
        made = Trials(lab, site)
        yield made
    with closing(docker.DockerClient(base_url=lab.host, timeout=60)) as client:
        for token in {token for trial in made.made for token in trial.tokens}:
            for guard in client.containers.list(all=True, filters={"name": token}):
                guard.remove(force=True, v=True)
