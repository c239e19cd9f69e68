"""The public keys of the trail, for everybody: what an auditor compares with the keys that people told them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from awe_incidents.api.renderers import PlainText
from awe_incidents.audit.queries import name_of, published_keys

CACHE = {"Cache-Control": "public, max-age=300"}


class TrailKeys(APIView):
    """The log's name and keys, as text or JSON by Accept; it takes no token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (PlainText, JSONRenderer)

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response | HttpResponse:
        """Give each key with the entries with which its checkpoints end; the origin is the name of all of them."""
        keys = published_keys()
        if isinstance(request.accepted_renderer, JSONRenderer):
            return Response({"origin": name_of(keys[0].vkey), "keys": list(map(asdict, keys))}, headers=CACHE)
        text = "".join(f"{key}\n" for key in keys)
        return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=CACHE)
