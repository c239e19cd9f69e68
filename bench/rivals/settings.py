"""Our settings, with the rows and the packages that keep a history of rows beside everything of ours."""

from awe_incidents.settings import *  # noqa: F403  # all of it, by design
from awe_incidents.settings import INSTALLED_APPS as _OURS

INSTALLED_APPS = [*_OURS, "pgtrigger", "pghistory", "auditlog", "simple_history", "bench.rivals"]
