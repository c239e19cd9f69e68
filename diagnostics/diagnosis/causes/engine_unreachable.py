"""The Docker Engine is stopped, hangs, or is not where the description says."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="engine_unreachable",
    title="The container engine cannot be reached",
    category="startup",
    severity="critical",
    sentence="The container engine at {subject} does not answer.",
    signs=codes(
        "engine.refused",
        "engine.no_socket",
        "engine.timeout",
        "engine.closed",
        "engine.unreachable",
        "engine.dns",
        "engine.tls",
        certainty=0.9,
    ),
    explains=("container.*", "service.*", "compose.*"),
    how_to="how-to/startup.md",
)
