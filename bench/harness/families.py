"""Find the families: every module of the bench package with a function `figures(quick)`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bench.harness.errors import UnknownFamily

Measure = Callable[[bool], Iterator[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Family:
    """A module of figures: its name, its first docstring line, and what measures."""

    name: str
    about: str
    measure: Measure


def families(package: ModuleType) -> dict[str, Family]:
    """Give every family of a package by name, in alphabetical order."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name.startswith("_"):
            continue
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        if measure := getattr(loaded, "figures", None):
            about = (loaded.__doc__ or "").strip().partition("\n")[0]
            found[module.name] = Family(module.name, about, measure)
    return dict(sorted(found.items()))


def chosen(known: Mapping[str, Family], names: Iterable[str]) -> list[Family]:
    """Give the named families in the order asked for, or all.

    Raises: UnknownFamily.
    """
    names = list(dict.fromkeys(names)) or list(known)
    if unknown := [name for name in names if name not in known]:
        raise UnknownFamily(f"no bench named {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]
