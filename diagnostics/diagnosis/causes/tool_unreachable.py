"""Agents call a service that does not answer; their runs fail or wait."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="tool_unreachable",
    title="A tool of the agents does not work",
    category="agents",
    severity="high",
    sentence="A tool that agents use does not work: {subject}.",
    signs=(
        *codes("tools.refused", "tools.timeout", "tools.dns", certainty=0.9),
        *codes("tools.failing", certainty=0.7),
    ),
    explains=("tools.*", "runs.failing", "tasks.*"),
    how_to="how-to/agents.md",
)
