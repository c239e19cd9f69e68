"""Evidence: what a check saw, redacted, and its text line by line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.fields import WholeNumber
from awe_incidents.api.parameters import Parameters
from awe_incidents.api.renderers import PlainText
from awe_incidents.api.v1.results import EvidenceSerializer
from awe_incidents.api.views import ScopedView
from awe_incidents.incidents.queries import visible_evidence
from diagnostics.models import Evidence
from diagnostics.queries import evidence_text

MAX_LINE = 2**31 - 1


class _VisibleEvidence(ScopedView):
    """Views that start from the evidence that the caller may see."""

    scopes: ClassVar = {"GET": Scope.RUNS_READ}

    def get_queryset(self) -> QuerySet[Evidence]:
        """Start from what the caller may see."""
        return visible_evidence(self.person).defer("text__compressed")


class EvidenceDetail(RetrieveModelMixin, _VisibleEvidence):
    """One piece of evidence, without its text."""

    serializer_class = EvidenceSerializer

    @extend_schema(operation_id="get_evidence")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one piece of evidence."""
        return self.retrieve(request, *args, **kwargs)


class LineSpan(Parameters):
    """Which lines of a text to give; both ends included, lines beyond the last one are none."""

    first_line = WholeNumber(required=False, default=1, min_value=1, max_value=MAX_LINE)
    last_line = WholeNumber(required=False, default=MAX_LINE, min_value=1, max_value=MAX_LINE)

    def validate(self, attrs: Mapping[str, int]) -> Mapping[str, int]:
        """Demand a span that has lines."""
        if attrs["first_line"] > attrs["last_line"]:
            raise serializers.ValidationError({"last_line": "This is before first_line."})
        return attrs


class EvidenceText(_VisibleEvidence):
    """The redacted text of a piece of evidence."""

    renderer_classes = [PlainText]
    parameters: ClassVar = {"GET": LineSpan}

    @extend_schema(
        operation_id="get_evidence_text",
        responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="The text, as an attachment.")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the text, or the lines of it that a citation names, as a plain-text attachment."""
        evidence = self.get_object()
        first, last = self.asked["first_line"], self.asked["last_line"]
        text = evidence_text(evidence.text_id)
        if (first, last) != (1, MAX_LINE):
            text = "\n".join(text.split("\n")[first - 1 : last])
        return HttpResponse(
            text.encode(),
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="evidence-{evidence.pk}.txt"',
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "ETag": f'"{evidence.text_id}-{first}-{last}"',  # the text under a digest never changes
            },
        )
