"""The access log, and the last resort for errors that nobody caught."""

from __future__ import annotations

import logging
import time

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.log import flat, one_line

logger = logging.getLogger("api")


class AccessLog:
    """ASGI middleware: a line per request, but for a health check that went well."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and write its line."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_status)
        except Exception as error:
            logger.error("unhandled error on %s %s: %s", scope["method"], flat(scope["path"]), one_line(error))
            if status:  # the answer has begun: nothing can be said any more
                raise
            answer = JSONResponse({"detail": "internal error", "error": type(error).__name__}, status_code=500)
            await answer(scope, receive, note_status)
        finally:
            if scope["path"] != "/health" or status != 200:
                _write_line(scope, status=status, milliseconds=(time.monotonic() - started) * 1000)


def _write_line(scope: Scope, *, status: int, milliseconds: float) -> None:
    client = scope["client"][0] if scope.get("client") else "-"
    logger.info('%s "%s %s" %d %dms', client, scope["method"], flat(scope["path"]), status, milliseconds)
