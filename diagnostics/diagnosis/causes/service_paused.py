"""Somebody or something paused a container, and its processes stand still until it is unpaused."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="service_paused",
    title="A container is paused",
    category="startup",
    severity="critical",
    sentence="The container of {subject} is paused.",
    signs=codes("container.paused", certainty=0.97),
    explains=SILENCE,
    remedy=(
        "Confirm it: `docker compose ps -a` shows the container as paused.",
        "Ask who paused it, as somebody may be copying its data.",
        "Let it go on with `docker compose unpause SERVICE`.",
        "Look again: `startup.container_state` must pass.",
    ),
    actions=("service.unpause",),
)
