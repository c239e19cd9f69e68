"""GET /health: 200 when every dependency answers, else 503, with an entry per dependency."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from shared import queue
from shared.database import transaction
from shared.log import one_line

logger = logging.getLogger("api")


def health(request: Request) -> JSONResponse:
    """Look at every dependency, one after the other."""
    checks = {"database": _look("database", _ask_database), "redis": _look("redis", _ask_redis)}
    is_healthy = all(entry["status"] == "ok" for entry in checks.values())
    return JSONResponse(
        {"status": "ok" if is_healthy else "unhealthy", "checks": checks}, status_code=200 if is_healthy else 503
    )


def _look(name: str, ask: Callable[[], None]) -> dict[str, Any]:
    started = time.monotonic()
    entry: dict[str, Any] = {"status": "ok"}
    try:
        ask()
    except Exception as error:  # whatever keeps a dependency from answering is what this page is for
        entry = {"status": "error", "error": one_line(error)}
        logger.error("health: %s check failed: %s", name, one_line(error))
    return entry | {"ms": round((time.monotonic() - started) * 1000, 1)}


def _ask_database() -> None:
    with transaction(program="awe-api") as cursor:
        cursor.execute("SELECT 1")


def _ask_redis() -> None:
    queue.client().ping()
