"""The container engine is stopped, hangs, or is not where the description says."""

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
        "engine.ssh*",
        "engine.no_program",
        certainty=0.9,
    ),
    explains=("container.*", "service.*", "compose.*"),
    remedy=(
        "Ask it with `docker version`, which names the address that it tries and what went wrong.",
        "See whether it runs, and what it said last: `systemctl status docker` and `journalctl -u docker -n 100`.",
        (
            "Start it with `sudo systemctl start docker`, or correct its address in `DOCKER_HOST` or the stack's "
            "description."
        ),
        "Look again: `startup.engine` must pass, and `startup.container_state` says which containers came back.",
    ),
)
