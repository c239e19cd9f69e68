"""A program that cannot start: its command, its configuration or something that it needs is wrong."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="crash_loop",
    title="A service crashes again and again",
    category="startup",
    severity="critical",
    sentence="{subject} ends shortly after every start.",
    signs=(*codes("container.crash_loop", certainty=0.85), *codes("container.restarted", certainty=0.5)),
    explains=NEVER_STARTS,
    actions=("service.restart",),
    how_to="how-to/startup.md",
    check_of=("startup.logs",),
)
