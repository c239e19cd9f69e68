"""Small pages around the API: liveness, readiness, the schema, and what each kind of problem means."""

from __future__ import annotations

from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from psycopg_pool import PoolTimeout
from rest_framework.request import Request

from awe_incidents.api.problem_kinds import INVALID, MALFORMED
from awe_incidents.api.problems import BY_ERROR, BY_STATUS

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
            cursor.execute("SELECT 1")
        is_migrated = _Migrations.are_applied()
    except (DatabaseError, PoolTimeout):
        return _not_ready(database="unavailable")
    if not is_migrated:
        return _not_ready(database="not migrated; run manage.py migrate")
    return JsonResponse({"status": "ok", "database": "ok"})


def _not_ready(*, database: str) -> JsonResponse:
    return JsonResponse({"status": "unavailable", "database": database}, status=503)


class _Migrations:
    """Whether this process's migrations are applied: asked until they are, and never again."""

    _applied = False

    @classmethod
    def are_applied(cls) -> bool:
        if not cls._applied:
            executor = MigrationExecutor(connection)
            cls._applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        return cls._applied


@require_safe
def problem(request: HttpRequest, slug: str) -> HttpResponse:
    """Explain a kind of problem in plain words; its type URI leads here."""
    kind = KINDS.get(slug)
    if kind is None:
        return HttpResponse("There is no such kind of problem.\n", status=404, content_type="text/plain")
    return HttpResponse(f"{kind.title}.\n\nHTTP status {kind.status}.\n", content_type="text/plain")


class SchemaPage(SpectacularAPIView):
    """The OpenAPI document, in YAML or JSON by Accept; made once, as anybody may ask for it."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:
        """Give the document."""
        renderer = request.accepted_renderer
        return HttpResponse(
            _schema(as_json=isinstance(renderer, OpenApiJsonRenderer)), content_type=f"{renderer.media_type}"
        )


@cache
def _schema(*, as_json: bool) -> bytes:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    renderer = OpenApiJsonRenderer() if as_json else OpenApiYamlRenderer()
    text: bytes = renderer.render(document, renderer_context={})
    return text
