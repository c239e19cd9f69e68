"""Bring the bench's checks into every process of a site, and the watchdog into a worker that is to have one."""

from __future__ import annotations

import os

from django.apps import AppConfig

WATCHDOG = "AWE_BENCH_WATCHDOG"


class LookingConfig(AppConfig):
    """The bench's checks as a Django application without tables."""

    name = "bench.looking"
    label = "bench_looking"

    def ready(self) -> None:
        """Register the checks here and in the fork server; with the variable set, look in threads instead."""
        know_checks()
        if os.environ.get(WATCHDOG):
            _look_in_threads()


def know_checks() -> None:
    """Let this process and its looks know the bench's checks; call it before the first look."""
    from bench.looking.checks import register
    from diagnostics import bounded

    register()
    bounded.preload("bench.looking.preload")


def _look_in_threads() -> None:
    from bench.looking.watchdog import Watchdog
    from diagnostics import tasks
    from diagnostics.operations import looks

    vars(looks)["look_in_process"] = Watchdog().look
    vars(tasks)["warm_up"] = lambda: None  # nobody needs a fork server
