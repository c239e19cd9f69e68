"""Write down when the first step began: the least that an action can do, so that what is around it is measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Action, Doing, Plan, Probed, Step, Verified
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from diagnostics.stack import StackConfig


@dataclass(frozen=True, kw_only=True)
class StampParameters(Parameters):
    """Which file below the stack's root."""

    file: str = parameter("Name of the file, which is its own target.", pattern=r"^[a-z0-9-]+$")


class Stamp(Action[StampParameters]):
    """Appends the time to a file."""

    slug: ClassVar[str] = "bench.stamp"
    title: ClassVar[str] = "Write down the time"
    tier: ClassVar[int] = 1
    parameters: ClassVar[type[Any]] = StampParameters

    def target(self, stack: StackConfig, parameters: StampParameters) -> str:
        """Lock nothing but itself."""
        return f"file-{parameters.file}"

    def fingerprint(self, site: Site, parameters: StampParameters) -> Mapping[str, Any]:
        """Give how many times stand there."""
        return {"times": len(times_in(_path(site, parameters)))}

    def plan(self, acting: Acting[StampParameters]) -> Plan:
        """Say the least."""
        return Plan(way_back="none is needed")

    def steps(self, acting: Acting[StampParameters]) -> Sequence[Step]:
        """Give the one step."""
        return [Step("stamp", "Write down the time", partial(_stamp, acting))]

    def verify(self, acting: Acting[StampParameters]) -> Verified:
        """Count again."""
        times = len(times_in(_path(acting.site, acting.parameters)))
        return Verified(is_good=times == acting.facts["times"] + 1, text=f"{times} times")

    def probe(self, acting: Acting[StampParameters]) -> Probed:
        """Count."""
        times = len(times_in(_path(acting.site, acting.parameters)))
        return Probed.FINISHED_WELL if times > acting.facts["times"] else Probed.NOT_STARTED


def times_in(path: Path) -> list[float]:
    """Give the times in a file, in seconds since the epoch."""
    return [float(line) for line in path.read_text().split()] if path.exists() else []


def _path(site: Site, parameters: StampParameters) -> Path:
    return site.stack.root / parameters.file


def _stamp(acting: Acting[StampParameters], doing: Doing) -> None:
    with _path(acting.site, acting.parameters).open("a") as file:
        file.write(f"{time.time():.6f}\n")
