"""The security audit log: one JSON object per line, opened for each line so that it may be rotated."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from shared import config


def record(event: str, **facts: str | int | None) -> None:
    """Append an event with its facts and the present time (UTC, seconds)."""
    line = json.dumps({**facts, "event": event, "ts": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}, sort_keys=True)
    with config.current().security_log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
