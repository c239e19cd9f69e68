"""POST /jobs, GET /jobs/ID and GET /jobs/stats: work for the agents."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

import redis
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.callers import Caller, caller_of, object_in, text_in
from api.workflows import TOOLS
from shared import queue
from shared.database import transaction
from shared.log import one_line

logger = logging.getLogger("api")


async def submit(request: Request) -> JSONResponse:
    """Queue a job `{"tool": NAME, "args": {...}}`; 202 with its id."""
    caller = caller_of(request)
    body = await object_in(request)
    tool, args = text_in(body, "tool"), body.get("args", {})
    if tool not in TOOLS:
        raise HTTPException(422, f"tool must be one of {', '.join(TOOLS)}")
    if not isinstance(args, dict):
        raise HTTPException(422, "args must be an object")
    return await run_in_threadpool(_submit, tool, args, caller=caller)


def stats(request: Request) -> JSONResponse:
    """Give the lengths of the three lists."""
    lists = {"queued": queue.WAITING, "processing": queue.PROCESSING, "dead": queue.DEAD}
    return JSONResponse({name: queue.client().llen(key) for name, key in lists.items()})


def job(request: Request) -> JSONResponse:
    """Give status, attempts and result of a job."""
    caller_of(request)
    with transaction(program="awe-api") as cursor:
        cursor.execute("SELECT status, attempts, result FROM jobs WHERE id = %s", (request.path_params["id"],))
        row = cursor.fetchone()
    if row is None:
        raise HTTPException(404, "no such job")
    return JSONResponse(dict(zip(("status", "attempts", "result"), row, strict=True)))


def _submit(tool: str, args: dict[str, Any], *, caller: Caller) -> JSONResponse:
    new = queue.Job(
        id=uuid.uuid4().hex[:12],
        tool=tool,
        args=args,
        token=caller.token,
        user=caller.claims["sub"],
        queued_at=time.time(),
    )
    try:
        queue.client().lpush(queue.WAITING, new.to_json())
    except redis.RedisError as error:
        logger.error("cannot queue job %s: %s", new.id, one_line(error))
        raise HTTPException(503, f"queue unavailable: {one_line(error)}") from None
    with transaction(program="awe-api") as cursor:  # the worker may have been faster: its row stays
        cursor.execute(
            "INSERT INTO jobs (id, tool, status) VALUES (%s, %s, 'queued') ON CONFLICT (id) DO NOTHING", (new.id, tool)
        )
    logger.info("job queued id=%s tool=%s user=%s", new.id, tool, new.user)
    return JSONResponse({"id": new.id, "status": "queued"}, status_code=202)
