"""Every cause: each module of `causes` that has a CAUSE."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from diagnostics.diagnosis import causes
from diagnostics.diagnosis.cause import Cause


@cache
def all_causes() -> Mapping[str, Cause]:
    """Give every cause by slug, in alphabetical order."""
    found: dict[str, Cause] = {}
    for module in pkgutil.iter_modules(causes.__path__):
        cause = importlib.import_module(f"{causes.__name__}.{module.name}").CAUSE
        assert isinstance(cause, Cause), f"{module.name} holds no cause"
        assert cause.slug == module.name, f"{module.name} holds the cause {cause.slug}"
        found[cause.slug] = cause
    return dict(sorted(found.items()))
