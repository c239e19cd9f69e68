"""A service has no container because its image is not there and no registry gives it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="image_missing",
    title="An image cannot be had",
    category="startup",
    severity="critical",
    sentence="The image of {subject} is not on the machine and cannot be pulled.",
    signs=codes("service.image_missing", certainty=0.96),
    explains=(*NEVER_STARTS, "service.*"),
    how_to="how-to/startup.md",
)
