"""What a fault of the bench is: how it is made, when it shows, how it is mended, and what a diagnosis must name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tests.faults as package
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; a function gets the deployment, and finds services by their roles, never by their usual names."""

    slug: str
    category: str  # startup, certificates, database, authentication, network, agents
    title: str  # what is broken, one line
    causes: tuple[str, ...]  # what a diagnosis must name first; any of them is right
    inject: Callable[[ComposeStack], None]
    is_broken: Callable[[ComposeStack], bool]
    heal: Callable[[ComposeStack], None]
    symptom_seconds: float = 60.0
    about: str = ""  # the service, by role, that the cause must be about; "" where that is a file, a host or an account
    leaves: str = ""  # the service, by role, whose containers it touches: pairs of faults must differ in it

    def is_named_by(self, cause: Mapping[str, Any], stack: ComposeStack) -> bool:
        """Say whether a cause of a report is this fault's, about the service that it is about."""
        wanted = getattr(stack.settings.names, self.about) if self.about else ""
        return cause["code"] in self.causes and wanted in {"", cause["service"]}

    def make(self, stack: ComposeStack) -> None:
        """Inject, and wait until the symptom shows.

        Raises: AssertionError when it does not.
        """
        self.inject(stack)
        assert wait_for(lambda: self.is_broken(stack), seconds=self.symptom_seconds), f"{self.slug} does not show"


def all_faults() -> dict[str, Fault]:
    """Give every fault by slug: each module here that has a FAULT."""
    found: dict[str, Fault] = {}
    for module in pkgutil.iter_modules(package.__path__):
        fault = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "FAULT", None)
        if isinstance(fault, Fault):
            assert fault.slug == module.name.replace("_", "-"), f"{module.name} holds {fault.slug}"
            found[fault.slug] = fault
    return dict(sorted(found.items()))
