"""Bring the bench's action into every process of a site."""

from __future__ import annotations

from typing import Any, cast

from django.apps import AppConfig

from awe_incidents.recovery.actions.base import Action


class ActingConfig(AppConfig):
    """The bench's action as a Django application without tables."""

    name = "bench.acting"
    label = "bench_acting"

    def ready(self) -> None:
        """Register it."""
        from awe_incidents.recovery.actions.registry import all_actions
        from bench.acting.stamp import Stamp

        cast("dict[str, Action[Any]]", all_actions())[Stamp.slug] = Stamp()
