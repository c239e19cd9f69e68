"""Find the families: every module of the bench package with a function `figures(quick)`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bench.harness.errors import UnknownFamily

LIMIT_SECONDS = 240.0  # for one family: a bench that hangs must not hold a gate

Measure = Callable[[bool], Iterator[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Family:
    """A module of figures: its name, its first docstring line, what measures, and for how long at most."""

    name: str
    about: str
    measure: Measure
    limit_seconds: float = LIMIT_SECONDS


def families(package: ModuleType) -> dict[str, Family]:
    """Give every family of a package by name, in alphabetical order."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name.startswith("_"):
            continue
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        if measure := getattr(loaded, "figures", None):
            about = (loaded.__doc__ or "").strip().partition("\n")[0]
            limit = getattr(loaded, "LIMIT_SECONDS", LIMIT_SECONDS)
            found[module.name] = Family(module.name, about, measure, limit)
    return dict(sorted(found.items()))


def chosen(known: Mapping[str, Family], names: Iterable[str]) -> list[Family]:
    """Give the named families in the order asked for, or all.

    Raises: UnknownFamily.
    """
    names = list(dict.fromkeys(names)) or list(known)
    if unknown := [name for name in names if name not in known]:
        raise UnknownFamily(f"no bench named {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]
