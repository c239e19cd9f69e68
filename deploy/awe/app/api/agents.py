"""GET /agents: who works here, and how long ago each was last heard of."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.database import transaction


def agents(request: Request) -> JSONResponse:
    """List the agents with the age of their heartbeats in seconds."""
    with transaction(program="awe-api") as cursor:
        cursor.execute(
            "SELECT name, extract(epoch FROM now() - heartbeat_at)::float8 FROM agents ORDER BY name LIMIT 100"
        )
        rows = cursor.fetchall()
    return JSONResponse([{"name": name, "heartbeat_seconds": round(seconds, 1)} for name, seconds in rows])
