"""Somebody or something paused a container: its processes stand still until it is unpaused."""

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
    actions=("service.unpause",),
    how_to="how-to/startup.md",
)
