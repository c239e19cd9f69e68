"""A service has no container because its image is not there and no registry gives it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="image_missing",
    title="An image is not available",
    category="startup",
    severity="critical",
    sentence="The image of {subject} is not on the machine and cannot be pulled.",
    signs=codes("service.image_missing", certainty=0.96),
    explains=(*NEVER_STARTS, "service.*"),
    remedy=(
        "Compare what is wanted with what is there: `docker compose config --images` and `docker image ls`.",
        "Try to fetch it: `docker compose pull SERVICE` says whether name, tag, login or registry is wrong.",
        "Correct that, log in with `docker login REGISTRY`, or build it with `docker compose build SERVICE`.",
        "Start the service with `docker compose up -d SERVICE`.",
        "Look again: `startup.compose_services` and `startup.container_state` must pass.",
    ),
)
