"""Agents call a service that does not answer, and their runs fail or wait."""

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
    remedy=(
        "Try it from where the agents run, with the address in the evidence of `agents.tools`: `curl -v URL`.",
        "Where nobody answers, start the tool's service, or correct the address that the agents have.",
        "Where it answers with errors, read its own log, and see whether its key and quota are still good.",
        "Start runs again that failed for it, as they do not come back by themselves.",
        "Look again: `agents.tools` and `agents.runs` must pass.",
    ),
)
