"""The ASGI application: routes, the access log, errors as JSON."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.access_log import AccessLog
from api.agents import agents
from api.health import health
from api.jobs import job, stats, submit
from api.login import login, me
from api.workflows import catalog, workflows


async def refused(request: Request, error: Exception) -> Response:
    """Answer an HTTPException as `{"detail": ...}`."""
    assert isinstance(error, HTTPException)  # the only type that this handler is registered for
    return JSONResponse({"detail": error.detail}, status_code=error.status_code, headers=error.headers)


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/auth/login", login, methods=["POST"]),
        Route("/auth/me", me),
        Route("/workflows", workflows),
        Route("/agents", agents),
        Route("/jobs", submit, methods=["POST"]),
        Route("/jobs/stats", stats),
        Route("/jobs/{id}", job),
        Route("/tools/catalog", catalog),
    ],
    middleware=[Middleware(AccessLog)],
    exception_handlers={HTTPException: refused},
)
