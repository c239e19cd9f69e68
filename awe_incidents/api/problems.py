"""Domain errors to RFC 9457 problems: one table, one handler, also for what never reaches a view."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, status
from rest_framework.response import Response

from awe_incidents.accounts import errors as accounts
from awe_incidents.api import errors as api
from awe_incidents.audit import errors as audit
from awe_incidents.incidents import errors as incidents
from diagnostics import errors as diagnostics

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/api/problems/"
RETRY_AFTER_SECONDS = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its status, the last part of its type URI, and its title."""

    status: int
    slug: str
    title: str


INVALID = Kind(400, "invalid", "The request breaks the rules of its fields")
MALFORMED = Kind(400, "malformed", "The request cannot be read")
UNAVAILABLE = Kind(503, "unavailable", "A service behind this one does not answer now")
INTERNAL = Kind(500, "internal", "The service failed; nothing was changed")

BY_STATUS: dict[int, Kind] = {
    400: MALFORMED,
    401: Kind(401, "not-authenticated", "A valid token is needed"),
    403: Kind(403, "not-allowed", "This is not allowed"),
    404: Kind(404, "not-found", "There is nothing here that you may see"),
    405: Kind(405, "method-not-allowed", "This address does not take this method"),
    406: Kind(406, "not-acceptable", "None of the media types asked for can be given"),
    408: Kind(408, "too-slow", "The request did not arrive in time"),
    413: Kind(413, "too-large", "The request is too large"),
    415: Kind(415, "media-type", "This media type is not taken here"),
    429: Kind(429, "too-many-requests", "Too many requests"),
    500: INTERNAL,
    503: UNAVAILABLE,
}
# Every domain error has a row (a test walks them all).
BY_ERROR: dict[type[Exception], Kind] = {
    accounts.ScopeNotAllowed: Kind(403, "scope-not-allowed", "The roles do not allow this scope"),
    accounts.LifetimeNotAllowed: Kind(400, "lifetime-not-allowed", "The token's lifetime is not allowed"),
    accounts.AlreadyRevoked: Kind(409, "already-revoked", "The token was revoked before"),
    api.KeyReused: Kind(422, "idempotency-key-reused", "The Idempotency-Key was used for another request"),
    api.KeyInProgress: Kind(409, "idempotency-key-in-progress", "The first request with this key is still in progress"),
    api.KeyMalformed: Kind(400, "idempotency-key-malformed", "The Idempotency-Key cannot be used"),
    audit.AuditError: Kind(503, "trail-unavailable", "The audit trail takes no entries, so nothing was changed"),
    diagnostics.UnknownStack: Kind(400, "unknown-stack", "There is no such stack"),
    diagnostics.UnknownSuite: Kind(400, "unknown-suite", "There is no such suite"),
    diagnostics.SecretNotStorable: Kind(400, "secret-not-storable", "The secret cannot be stored"),
    diagnostics.AlreadyClaimed: Kind(409, "already-claimed", "Another worker was first"),
    incidents.ReportInvalid: INVALID,
    incidents.TransitionNotAllowed: Kind(409, "transition-not-allowed", "The incident's state does not allow this"),
    incidents.ReasonRequired: Kind(400, "reason-required", "A reason is needed"),
    incidents.RoleRequired: Kind(403, "role-required", "A role is missing"),
    incidents.StaleVersion: Kind(412, "stale-version", "Somebody else changed this in between"),
}
_NO_DATABASE = (OperationalError, InterfaceError, PoolTimeout)


class InvalidFields(exceptions.APIException):
    """Fields that break their rules, each with a JSON pointer."""

    status_code = status.HTTP_400_BAD_REQUEST

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = [{"pointer": pointer, "detail": detail} for pointer, detail in problems]
        super().__init__("some fields break their rules")


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Give the problem for an error that a view raised; None leaves it to Django, which makes a 500 of it."""
    kind, detail, more, headers = _described(error)
    if kind is None:
        return None
    body = _body(kind, detail, instance=context["request"].path) | more
    return Response(body, status=kind.status, headers=headers, content_type=MEDIA_TYPE)


def problem_response(
    status_code: int, *, detail: str, instance: str, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Give a problem for an answer that no view of the API made."""
    kind = BY_STATUS.get(status_code, MALFORMED if status_code < 500 else INTERNAL)
    body = _body(kind, detail, instance=instance) | {"status": status_code}
    return HttpResponse(json.dumps(body), status=status_code, content_type=MEDIA_TYPE, headers=dict(headers or {}))


def _body(kind: Kind, detail: str, *, instance: str) -> dict[str, Any]:
    return {
        "type": f"{TYPE_PREFIX}{kind.slug}/",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
    }


_Described = tuple[Kind | None, str, dict[str, Any], dict[str, str]]


def _described(error: Exception) -> _Described:
    if isinstance(error, incidents.ReportInvalid):
        return INVALID, "some fields break their rules", {"errors": _pointers(error.problems)}, {}
    kind = next((BY_ERROR[cls] for cls in type(error).__mro__ if cls in BY_ERROR), None)
    if kind is not None:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if kind.status == 503 else {}
        return kind, str(error), {}, headers
    if isinstance(error, _NO_DATABASE):
        log.error("database unavailable", error=type(error).__name__)
        return UNAVAILABLE, "the database does not answer; try again", {}, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if isinstance(error, Http404):
        return BY_STATUS[404], "nothing here that you may see; check the address", {}, {}
    if isinstance(error, PermissionDenied):
        return BY_STATUS[403], "this is not allowed", {}, {}
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    return None, "", {}, {}


def _of_framework(error: exceptions.APIException) -> _Described:
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    if isinstance(error, InvalidFields):
        return INVALID, str(error.detail), {"errors": error.problems}, headers
    if isinstance(error, exceptions.ValidationError):
        return INVALID, "some fields break their rules", {"errors": list(_flattened(error.detail))}, headers
    return BY_STATUS.get(error.status_code, MALFORMED), str(error.detail), {}, headers


def _pointers(problems: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"pointer": f"#/{field}", "detail": detail} for field, detail in problems]


def _flattened(detail: Any, pointer: str = "#") -> Iterable[dict[str, str]]:
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            part = str(key).replace("~", "~0").replace("/", "~1")
            yield from _flattened(inner, pointer if key == "non_field_errors" else f"{pointer}/{part}")
    elif isinstance(detail, list | tuple):
        for inner in detail:
            yield from _flattened(inner, pointer)
    else:
        yield {"pointer": pointer, "detail": str(detail)}
