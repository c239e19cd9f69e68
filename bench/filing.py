"""Filing a bug report beside a bare DRF create on the same server, and its number of SQL statements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.harness.figure import figure
from bench.harness.load import Posting, compare
from bench.harness.site import Site, running_site
from bench.redaction import log

SETTINGS = "bench.bare.settings"
COUNTING = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_utility": "on"}
STACK = """
schema = 1
name = "bench"
environment = "Staging"
vantage = "process"
[services.api]
role = "api"
"""
LOG_BYTES = 20_000
BODIES = 40
TARGET_RATIO = 0.5
MAX_STATEMENTS = 15
COUNTED_FILINGS = 10


def figures(quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield throughput for one and for eight clients, with a small and with a 20 KB log, then the statements.

    No worker runs: the doorbell is rung and nothing competes for the processors.
    """
    with running_site(settings=SETTINGS, postgres_settings=COUNTING) as site:
        token = prepare(site)
        logs = {"20 KB log": bodies(LOG_BYTES)} | ({} if quick else {"no log": bodies(0)})
        rounds, seconds = (3, 0.5) if quick else (7, 1.0)
        for size, texts in logs.items():
            ours = Posting(site.port, "/api/v1/bug-reports/", texts, token)
            beside = Posting(site.port, "/bare/", texts, token)
            compare(ours, beside, clients=8, rounds=1, seconds=0.5)  # every thread of the server has its connection
            for clients in (1, 8):
                seen = compare(ours, beside, clients=clients, rounds=rounds, seconds=seconds)
                yield figure(
                    f"filing_throughput_{clients}_clients_{size.replace(' ', '_')}",
                    seen.ours,
                    "1/s",
                    beside="a bare DRF create of the same body on the same server",
                    beside_value=seen.beside,
                    ratio=seen.ratio,
                    least_ratio=TARGET_RATIO,
                )
        yield figure(
            "filing_statements",
            max(_statements(site, Posting(site.port, "/api/v1/bug-reports/", texts, token)) for texts in logs.values()),
            "statements",
            beside="a bare DRF create, BEGIN and COMMIT counted too",
            beside_value=_statements(site, Posting(site.port, "/bare/", logs["20 KB log"], token)),
            most=MAX_STATEMENTS,
        )


def bodies(log_bytes: int) -> Sequence[bytes]:
    """Give different reports with a mixed container log of about this size."""
    return [_body(number, log_bytes) for number in range(BODIES)]


def _body(number: int, log_bytes: int) -> bytes:
    text = b"".join(log(log_bytes, seed=number))[:log_bytes].decode(errors="ignore")
    report = {
        "stack": "bench",
        "environment": "Staging",
        "docker_compose_version": "Docker Compose version v2.29.7",
        "container_logs": text,
        "steps_to_reproduce": "1. Start the stack\n2. Log in\n3. Open a workflow",
        "expected_behavior": "The workflow opens.",
        "actual_behavior": f"The page stays empty, and the browser says 502. Seen {number + 1} times.",
        "screenshots": "none",
    }
    return json.dumps(report).encode()


def prepare(site: Site) -> str:
    """Start a web server with a stack and a reporter, and give the reporter's token."""
    token = site.tokens()["demo-reporter"]
    description: Path = site.folder / "stack.toml"
    description.write_text(STACK)
    site.manage("apply_stack", str(description))
    with site.superuser() as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
    site.start("web")
    return token


def _statements(site: Site, posting: Posting) -> float:
    """Count what one post sends to PostgreSQL, everything: BEGIN, COMMIT and savepoints too."""
    post = posting.poster()
    post()
    with site.superuser() as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
        for _ in range(COUNTED_FILINGS):
            post()
        row = connection.execute(
            "SELECT sum(calls) FROM pg_stat_statements WHERE userid = 'incidents_app'::regrole"
        ).fetchone()
    return float(row[0]) / COUNTED_FILINGS if row else 0.0
