"""The application itself fails at what it is asked."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="service_fails",
    title="A service answers with errors",
    category="performance",
    severity="high",
    sentence="{subject} answers with server errors.",
    signs=codes("login.no_answer", "api.server_errors", "health.server_error", "login.server_error", certainty=0.55),
    explains=("api.*", "health.*", "timing.*"),
    remedy=(
        (
            "Read its log at the time of the errors, and there the first stack trace: "
            "`docker compose logs --tail 200 SERVICE` or `journalctl -u UNIT -n 200`."
        ),
        "See whether what it depends on works: the checks of database, queue and network in the same run.",
        "Where it began with a deployment, go back to the version before.",
        (
            "Otherwise correct what the stack trace names, and restart it: `docker compose restart SERVICE` or "
            "`systemctl restart UNIT`."
        ),
        "Look again: `performance.api_latency` and `auth.health_endpoint` must pass.",
    ),
)
