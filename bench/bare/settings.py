"""Our settings, with the bare table and its address beside everything of ours: one server, one pool, one middleware."""

from awe_incidents.env import env as _env
from awe_incidents.settings import *  # noqa: F403  # all of it, by design
from awe_incidents.settings import INSTALLED_APPS as _OURS

INSTALLED_APPS = [*_OURS, "bench.bare"]
ROOT_URLCONF = "bench.bare.urls"
MEDIA_ROOT = f"{_env.str('AWE_LOCAL_DIR', default='.local')}/media"
