"""An environment variable that a service needs is absent or empty."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="configuration_missing",
    title="A required setting is missing",
    category="startup",
    severity="high",
    sentence="{subject} was started without a setting that it needs.",
    signs=codes("config.missing", "config.empty", certainty=0.9),
    explains=("health.*", "login.*", "container.crash_loop", "queue.*"),
    remedy=(
        "See which variables they are in the finding of `startup.config_presence`, which shows no values.",
        "Find where the service takes its environment from: its unit, the compose file, an `.env` file or a secret.",
        "Set the value there, and secrets in a secret's file rather than in the compose file.",
        (
            "Start it anew, as it reads them only then: `docker compose up -d --force-recreate SERVICE` or "
            "`systemctl restart UNIT`."
        ),
        "Look again: `startup.config_presence` must pass.",
    ),
)
