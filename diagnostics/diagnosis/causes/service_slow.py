"""The service works, and its users wait."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="service_slow",
    title="A service answers slowly",
    category="performance",
    severity="high",
    sentence="{subject} takes longer to answer than it should.",
    signs=codes("api.timeout", "timing.timeout", certainty=0.6),
    supported_by=codes("cpu.busy", "cpu.throttled", certainty=0.2, states=TROUBLED),
    explains=("timing.*", "api.*"),
    remedy=(
        (
            "See which phase takes the time: the table of `network.http_timing`, or "
            "`curl -s -o /dev/null -w '%{time_connect} %{time_starttransfer} %{time_total}' URL`."
        ),
        (
            "See what it waits for: `database.blockers`, `database.statements`, `performance.container_cpu` and "
            "`performance.host` in the same run."
        ),
        "Repair that, or give the service more workers or processors where it waits for nothing but itself.",
        "Where that is usual now, forget what was usual before (`manage.py forget_baseline`).",
        "Look again: `performance.api_latency` and `network.http_timing` must pass.",
    ),
)
