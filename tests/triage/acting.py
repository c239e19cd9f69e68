"""An action that a real cause recommends, whose effect tests can see: `port.free` writes lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from awe_incidents.recovery.actions.parameters import parameter
from tests.recovery.acting import Write, WriteParameters

RECOMMENDED = "port.free"


@dataclass(frozen=True, kw_only=True)
class FreeParameters(WriteParameters):
    """A service, and how it goes."""

    service: str = parameter("Name of the service in the stack's description.")
    file: str = parameter("Name of the file.", default="target", pattern=r"^[a-z]+$")


class FreePort(Write):
    """What takes the port is stopped, by writing lines."""

    slug: ClassVar[str] = RECOMMENDED
    title: ClassVar[str] = "Free a port"
    parameters: ClassVar[type[Any]] = FreeParameters
