"""GET /workflows and GET /tools/catalog: what the engine can do."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.callers import caller_of
from shared.database import transaction

TOOLS = ("echo", "sleep", "db_report", "web_fetch", "summarise")
MAX_LIMIT = 1000


def workflows(request: Request) -> JSONResponse:
    """List the first workflows, at most `?limit=` (20)."""
    caller_of(request)
    limit = _limit(request.query_params.get("limit", "20"))
    with transaction(program="awe-api") as cursor:
        cursor.execute(
            "SELECT s.id, s.name, s.owner, w.priority FROM workflow_summary s JOIN workflows w USING (id) "
            "ORDER BY s.id LIMIT %s",
            (limit,),
        )
        rows = cursor.fetchall()
    return JSONResponse([dict(zip(("id", "name", "owner", "priority"), row, strict=True)) for row in rows])


def catalog(request: Request) -> JSONResponse:
    """Name the tools of the worker; the tool `web_fetch` reads this page."""
    return JSONResponse({"tools": list(TOOLS)})


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:9]) > MAX_LIMIT:
        raise HTTPException(422, f"limit must be a whole number up to {MAX_LIMIT}")
    return int(text)
