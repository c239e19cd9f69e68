"""Entries of the audit trail for auditors: what was recorded, its exact bytes, and its proof."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.kept import represent, represent_all
from awe_incidents.api.renderers import PlainText
from awe_incidents.api.v1.audit_lists import EntryPages, EntryParameters
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import ListView, ScopedView
from awe_incidents.audit.errors import AwaitsSignature, HashesMissing, TrailBroken
from awe_incidents.audit.models import Entry
from awe_incidents.audit.queries import Shown, proof_of, shown_entries

EVENT_ID = OpenApiParameter("event_id", OpenApiTypes.UUID, location=OpenApiParameter.PATH)


class Subject(serializers.Serializer[Any]):
    """What something was done to."""

    type = serializers.CharField()
    id = serializers.CharField()


class TextBehind(serializers.Serializer[Any]):
    """A text that an entry commits to by `sha256:` and a hash of salt and text (docs/audit-bundle.md)."""

    field = serializers.CharField(help_text="Such as `because`, `actor.name` or `private.note`.")
    commitment = serializers.CharField()
    salt = serializers.CharField(allow_null=True, help_text="In hex; null where the text was erased.")
    text = serializers.CharField(allow_null=True, allow_blank=True, help_text="Null where it was erased.")
    is_erased = serializers.BooleanField(
        help_text="Salt and text are gone. An entry `entry:erased` has to say so; the verifier tells where none does."
    )


class EntryLinks(serializers.Serializer[Any]):
    """Where to go on from an entry."""

    self = serializers.URLField()
    body = serializers.URLField()
    proof = serializers.URLField(allow_null=True, help_text="Null until a signed checkpoint covers the entry.")


_BODY = {
    "type": ["object", "null"],
    "additionalProperties": True,
    "description": "What was recorded, decoded; null where the stored bytes are no entry any more.",
}


@extend_schema_field(_BODY)
class BodyField(serializers.JSONField):
    """The entry as recorded."""


class EntrySerializer(serializers.Serializer[Any]):
    """An entry of the trail. `body` is what was signed; the other columns are for searching."""

    id = serializers.IntegerField(help_text="In the order of recording.")
    event_id = serializers.UUIDField()
    index = serializers.IntegerField(
        allow_null=True, help_text="In the tree, from 0; null while it waits for its place."
    )
    is_signed = serializers.BooleanField(help_text="A signed checkpoint covers it.")
    leaf_hash = serializers.CharField(help_text="SHA-256 of 0x00 and the bytes (RFC 6962), in hex.")
    verb = serializers.CharField()
    subject = Subject()
    actor = serializers.CharField()
    incident = serializers.IntegerField(allow_null=True)
    occurred_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    body = BodyField()
    disclosures = TextBehind(many=True)
    links = EntryLinks()


def _as_told(shown: Shown, request: Request) -> dict[str, Any]:
    entry = shown.entry
    proof = link(request, "audit-entry-proof", event_id=entry.event_id) if shown.is_signed else None
    return {
        "id": entry.pk,
        "event_id": entry.event_id,
        "index": shown.index,
        "is_signed": shown.is_signed,
        "leaf_hash": shown.leaf_hash,
        "verb": entry.verb,
        "subject": {"type": entry.subject_type, "id": entry.subject_id},
        "actor": entry.actor,
        "incident": entry.incident_id,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "body": shown.content,
        "disclosures": [
            {
                "field": one.field,
                "commitment": one.commitment,
                "salt": None if one.salt is None else one.salt.hex(),
                "text": one.value,
                "is_erased": one.value is None,
            }
            for one in shown.texts
        ],
        "links": {
            "self": link(request, "audit-entry", event_id=entry.event_id),
            "body": link(request, "audit-entry-body", event_id=entry.event_id),
            "proof": proof,
        },
    }


class EntryList(ListView):
    """Entries of the trail."""

    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    pagination_class = EntryPages
    parameters: ClassVar = {"GET": EntryParameters}
    scopes: ClassVar = {"GET": Scope.AUDIT_READ}

    @extend_schema(operation_id="list_audit_entries")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List entries, newest or oldest first; those of a time span in the order of time, others as recorded."""
        page = self.paginate_queryset(self.get_queryset())
        told = [_as_told(one, request) for one in shown_entries(page or [])]
        return self.get_paginated_response(represent_all(EntrySerializer, told))


class _OneEntry(ScopedView):
    """Views of one entry, found by the id of its event."""

    queryset = Entry.objects.all()
    lookup_field = lookup_url_kwarg = "event_id"
    scopes: ClassVar = {"GET": Scope.AUDIT_READ}


class EntryDetail(_OneEntry):
    """One entry."""

    serializer_class = EntrySerializer

    @extend_schema(operation_id="get_audit_entry", parameters=[EVENT_ID])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one entry, with its place in the tree and the texts behind its commitments."""
        (shown,) = shown_entries([self.get_object()])
        return Response(represent(EntrySerializer, _as_told(shown, request)))


class EntryBody(_OneEntry):
    """The bytes of an entry."""

    @extend_schema(
        operation_id="get_audit_entry_body",
        parameters=[EVENT_ID],
        responses={(200, "application/json"): OpenApiResponse(_BODY, description="The bytes, as an attachment.")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the exact bytes that were signed, for a proof to be verified with: canonical JSON (RFC 8785)."""
        entry = self.get_object()
        return _attachment(bytes(entry.body), name=f"{entry.event_id}.json", media_type="application/json")


class EntryProof(_OneEntry):
    """The proof of an entry."""

    renderer_classes = [PlainText]
    refusals: ClassVar = {"GET": (AwaitsSignature, HashesMissing, TrailBroken)}

    @extend_schema(
        operation_id="get_audit_entry_proof",
        parameters=[EVENT_ID],
        responses={
            (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="A C2SP tlog-proof, as an attachment.")
        },
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the `.tlog-proof` under the newest checkpoint: 409 until one covers the entry, a second as a rule."""
        entry = self.get_object()
        name = f"{entry.event_id}.tlog-proof"
        return _attachment(proof_of(entry), name=name, media_type="text/plain; charset=utf-8")


def _attachment(content: bytes, *, name: str, media_type: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
