"""Small pages around the API: liveness, readiness, and what each kind of problem means."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from awe_incidents.api.problems import BY_ERROR, BY_STATUS, INVALID, MALFORMED

KINDS = {kind.slug: kind for kind in (*BY_STATUS.values(), *BY_ERROR.values(), INVALID, MALFORMED)}


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the database answers and is migrated; the only things a request cannot do without."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_entry WHERE id = 0")
    except DatabaseError as error:
        return JsonResponse({"status": "unavailable", "database": type(error).__name__}, status=503)
    return JsonResponse({"status": "ok", "database": "ok"})


@require_safe
def problem(request: HttpRequest, slug: str) -> HttpResponse:
    """Explain a kind of problem in plain words; its type URI leads here."""
    kind = KINDS.get(slug)
    if kind is None:
        return HttpResponse("There is no such kind of problem.\n", status=404, content_type="text/plain")
    return HttpResponse(f"{kind.title}.\n\nHTTP status {kind.status}.\n", content_type="text/plain")
