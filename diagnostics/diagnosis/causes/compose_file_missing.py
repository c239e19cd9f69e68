"""The file that the stack is started from is not where the description says."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="compose_file_missing",
    title="The compose file is missing",
    category="startup",
    severity="high",
    sentence="The compose file {subject} is not there.",
    signs=codes("compose.missing", certainty=0.95),
    explains=("compose.*", "service.*"),
    remedy=(
        "Ask the engine which files its projects were started from: `docker compose ls -a`.",
        "Put the file back from version control, or correct its path in the stack's description.",
        "Have it read without starting anything: `docker compose -f FILE config --quiet` must say nothing.",
        "Look again: `startup.compose_services` must pass.",
    ),
)
