"""A recovery worker as it runs in a deployment, but for the tests' actions and messages that Redis soon gives again.

`python -m tests.recovery.working [LEASE_SECONDS]`.
"""

from __future__ import annotations

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awe_incidents.settings")
django.setup()

from awe_incidents.celery import app  # noqa: E402
from awe_incidents.recovery.actions import registry  # noqa: E402
from tests.recovery import acting  # noqa: E402
from tests.recovery.dying import hold_for  # noqa: E402

VISIBILITY_SECONDS = 1

if __name__ == "__main__":
    registry.all_actions = lambda: acting.ALL  # type: ignore[assignment]
    if sys.argv[1:]:
        hold_for(float(sys.argv[1]))
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "visibility_timeout": VISIBILITY_SECONDS,
    }
    sys.exit(app.worker_main(["worker", "-P", "threads", "-c", "4", "-Q", "recovery", "-l", "INFO"]))
