"""Work is taken and does not end well."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="agents_failing",
    title="Agents fail or are gone",
    category="agents",
    severity="high",
    sentence="The agents of {subject} fail more than usual, or none is alive.",
    signs=codes("agents.none_alive", "runs.failing", certainty=0.55),
    explains=("agents.*", "runs.*", "queue.*"),
    how_to="how-to/agents.md",
)
