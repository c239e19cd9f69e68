"""Docker Compose refuses its file for its YAML or its keys; what runs goes on running."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="compose_file_invalid",
    title="The compose file is invalid",
    category="startup",
    severity="critical",
    sentence="The compose file {subject} is refused: nothing can be started or changed with it.",
    signs=codes("compose.invalid", certainty=0.96),
    explains=("compose.*", "service.*"),
    remedy=(
        "Have it read without starting anything: `docker compose -f FILE config --quiet` names the line or the key.",
        "See what was changed last, as with `git log -p -1 -- FILE`.",
        "Correct that line, or go back to the last version that was accepted.",
        "Look again: `startup.compose_services` must pass.",
    ),
)
