"""The real settings, for programs that shall know the actions of the tests."""

from __future__ import annotations

from typing import Any

from awe_incidents.recovery.actions import registry
from awe_incidents.settings import *  # noqa: F403


def _actions() -> dict[str, Any]:
    from tests.recovery import acting  # with the apps, which are not there yet

    return acting.ALL


registry.all_actions = _actions  # type: ignore[assignment]
