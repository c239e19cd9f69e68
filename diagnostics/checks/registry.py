"""Find checks by slug: every module `checks/<category>/<name>.py` defines one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache

from diagnostics import checks
from diagnostics.checks.base import SUITES, Check


class UnknownCheck(LookupError):
    """No check has this slug, or no suite this name."""


@cache
def all_checks() -> Mapping[str, Check]:
    """Give every check by slug, in alphabetical order."""
    found: dict[str, Check] = {}
    for module in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}."):
        slug = module.name.removeprefix(f"{checks.__name__}.")
        if module.ispkg or "." not in slug:
            continue
        found[slug] = _check_of(module.name, slug)
    return dict(sorted(found.items()))


def _check_of(module_name: str, slug: str) -> Check:
    module = importlib.import_module(module_name)
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Check) and value.__module__ == module_name
    ]
    if len(classes) != 1 or classes[0].slug != slug:
        raise UnknownCheck(f"{module_name} must define exactly one check, with the slug {slug}")
    return classes[0]()


def check(slug: str) -> Check:
    """Give the check with this slug.

    Raises: UnknownCheck.
    """
    try:
        return all_checks()[slug]
    except KeyError:
        raise UnknownCheck(f"there is no check {slug}; `python -m diagnostics --list` names them") from None


def suite(name: str) -> tuple[str, ...]:
    """Give the slugs of a suite together with everything they require.

    Raises: UnknownCheck.
    """
    if name not in SUITES:
        raise UnknownCheck(f"there is no suite {name}; known are {', '.join(SUITES)}")
    return with_requirements(slug for slug, one in all_checks().items() if name == "full" or name in one.suites)


def with_requirements(slugs: Iterable[str]) -> tuple[str, ...]:
    """Give the checks with everything they require, in alphabetical order.

    Raises: UnknownCheck.
    """
    wanted: set[str] = set()
    pending = list(slugs)
    while pending:
        slug = pending.pop()
        if slug not in wanted:
            wanted.add(slug)
            pending.extend(check(slug).requires)
    return tuple(sorted(wanted))
