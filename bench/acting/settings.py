"""Our settings, with the bench's action beside ours."""

from awe_incidents.settings import *  # noqa: F403  # all of it, by design
from awe_incidents.settings import INSTALLED_APPS as _OURS

INSTALLED_APPS = [*_OURS, "bench.acting.apps.ActingConfig"]
