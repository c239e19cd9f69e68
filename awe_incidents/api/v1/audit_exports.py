"""The whole trail for auditors: a bundle that is made while it is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any, ClassVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.errors import ExportRuns
from awe_incidents.api.fields import Flag
from awe_incidents.api.parameters import Parameters
from awe_incidents.api.renderers import AnyBytes
from awe_incidents.api.views import ScopedView
from awe_incidents.audit.errors import AwaitsSignature, TrailBroken
from awe_incidents.audit.queries import exported_trail, log_tree

AT_ONCE = 1  # of a web process: whoever takes one in slowly holds a thread meanwhile
MEDIA_TYPE = "application/zip"
_free = BoundedSemaphore(AT_ONCE)


class ExportParameters(Parameters):
    """What goes in."""

    texts = Flag(required=False, default=True, help_text="False leaves out the texts behind commitments.")


class TrailExport(ScopedView):
    """The trail as a bundle."""

    renderer_classes = [AnyBytes]
    parameters: ClassVar = {"GET": ExportParameters}
    scopes: ClassVar = {"GET": Scope.AUDIT_READ}
    refusals: ClassVar = {"GET": (AwaitsSignature, TrailBroken, ExportRuns)}

    @extend_schema(
        operation_id="export_audit_trail",
        responses={(200, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.BINARY, description="The bundle, as an archive.")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Give all signed entries and checkpoints as a ZIP archive of the bundle that verify_trail.py reads."""
        with_texts: bool = self.asked["texts"]
        with log_tree() as tree:
            digest = hashlib.sha256(tree.note).hexdigest()[:32]
        etag = f'W/"{digest}-{with_texts:d}"'  # an archive of one checkpoint holds the same files
        if unchanged := get_conditional_response(request._request, etag=etag):
            unchanged.headers["ETag"] = etag
            return unchanged
        headers = {
            "Content-Disposition": 'attachment; filename="trail.zip"',
            "ETag": etag,
            "X-Content-Type-Options": "nosniff",
        }
        if request.method == "HEAD":
            return HttpResponse(content_type=MEDIA_TYPE, headers=headers)
        pieces = _one_at_a_time(with_texts=with_texts)
        first = next(pieces)  # what is refused is refused before an answer has begun
        return StreamingHttpResponse(_from(first, pieces), content_type=MEDIA_TYPE, headers=headers)


def _from(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Give what has begun as one that is closed with the answer."""
    yield first
    yield from pieces


def _one_at_a_time(*, with_texts: bool) -> Iterator[bytes]:
    if not _free.acquire(blocking=False):
        raise ExportRuns("another export is being sent; try again when it has ended")
    try:
        yield from exported_trail(with_texts=with_texts)
    finally:
        _free.release()
