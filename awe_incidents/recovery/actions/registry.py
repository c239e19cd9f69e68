"""Find actions by slug: every module `actions/<category>/<name>.py` defines one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from awe_incidents.recovery import actions
from awe_incidents.recovery.actions.base import Action
from awe_incidents.recovery.errors import UnknownAction


@cache
def all_actions() -> Mapping[str, Action[Any]]:
    """Give every action by slug, in alphabetical order."""
    found: dict[str, Action[Any]] = {}
    for module in pkgutil.walk_packages(actions.__path__, f"{actions.__name__}."):
        slug = module.name.removeprefix(f"{actions.__name__}.")
        if not module.ispkg and "." in slug:
            found[slug] = _action_of(module.name, slug)
    return dict(sorted(found.items()))


def _action_of(module_name: str, slug: str) -> Action[Any]:
    module = importlib.import_module(module_name)
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Action) and value.__module__ == module_name
    ]
    if len(classes) != 1 or classes[0].slug != slug:
        raise UnknownAction(f"{module_name} must define exactly one action, with the slug {slug}")
    return classes[0]()


def action(slug: str) -> Action[Any]:
    """Give the action with this slug.

    Raises: UnknownAction.
    """
    try:
        return all_actions()[slug]
    except KeyError:
        raise UnknownAction(f"there is no action {slug!r}; GET /api/v1/recovery-actions/ lists them") from None
