"""The entry point that granian serves: Django behind the gateway that takes bodies in (ADR 19)."""

from __future__ import annotations

import gc

from django.conf import settings

from awe_incidents.gateway import Gateway
from awe_incidents.intake import Intake, IntakeLimits
from awe_incidents.wsgi import application as wsgi_application

GARBAGE_OBJECTS = 20_000  # more than one request makes

# What was loaded stays to the end; looking through it again and again for garbage was a tenth of a filing's time.
gc.collect()
gc.freeze()
gc.set_threshold(GARBAGE_OBJECTS)

application = Gateway(
    wsgi_application,
    threads=settings.AWE_WEB_THREADS,
    intake=Intake(IntakeLimits(grace_seconds=settings.AWE_BODY_GRACE_SECONDS)),
)
