"""Around every request: an id that stands in answer and log, and problems instead of pages under /api/."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from awe_incidents.api.limits import tell_limits
from awe_incidents.api.problems import MEDIA_TYPE, problem_response

API_PREFIX = "/api/"
REQUEST_ID = "X-Request-ID"
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class RequestMiddleware:
    """Give each request an id; turn any other error answer under /api/ into application/problem+json.

    It is the outermost one, so that refusals of the others (a wrong Host, a missing CSRF token) pass through it too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Carry the request through."""
        given = request.headers.get(REQUEST_ID, "")
        request_id = given if _USABLE_ID.fullmatch(given) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        if request.path.startswith(API_PREFIX):
            response = _as_problem(request, response)
            response.headers.setdefault("Cache-Control", "no-store")
            tell_limits(request, response)
        response.headers[REQUEST_ID] = request_id
        return response


def _as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.status_code == 301:
        response.status_code = 308  # after a 301 a client repeats its POST as GET, and takes the list for an answer
    if response.status_code < 400 or response.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
        return response
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return problem_response(response.status_code, instance=request.path, headers=kept)
