"""The real settings, with an app that gives away secrets."""

from awe_incidents.settings import *  # noqa: F403
from awe_incidents.settings import INSTALLED_APPS as INSTALLED

INSTALLED_APPS = [*INSTALLED, "tests.leaks"]
ROOT_URLCONF = "tests.leaks.urls"
