"""Attachments of bug reports: screenshots made anew and redacted texts; added, listed, and downloaded as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.choices import ATTACHMENT_KINDS, ATTACHMENT_STATES
from awe_incidents.api.multipart import MAX_BODY_BYTES, MEDIA_TYPE, FormParser, sent_form
from awe_incidents.api.pagination import OldestFirst
from awe_incidents.api.renderers import AnyBytes
from awe_incidents.api.v1.form_parts import AddedFilesForm, added_files
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.incidents.errors import (
    AttachmentNotReady,
    OthersReport,
    RemovedByRetention,
    RoleRequired,
    TooManyAttachments,
)
from awe_incidents.incidents.models import Attachment, BugReport
from awe_incidents.incidents.operations import add_attachments
from awe_incidents.incidents.queries import attachment_content, check_not_removed, visible_attachments, visible_reports
from awe_incidents.incidents.uploads.serving import download_headers


class AttachmentLinks(serializers.Serializer[Any]):
    """Where to go on from an attachment."""

    self = serializers.URLField()
    bug_report = serializers.URLField()
    content = serializers.URLField()


@extend_schema_field(
    {
        "type": "object",
        "description": "What was taken out of a text: rule-set version, counts by rule, bytes of overlong lines.",
        "properties": {
            "rule_set_version": {"type": "string"},
            "counts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
            "dropped_bytes": {"type": "integer", "minimum": 0},
        },
    }
)
class TextReceiptField(serializers.JSONField):
    """The receipt as stored; empty for a picture."""


class FileSerializer(serializers.ModelSerializer[Attachment]):
    """An attachment, without its content and whose it is."""

    kind = serializers.ChoiceField(choices=ATTACHMENT_KINDS, read_only=True)
    state = serializers.ChoiceField(choices=ATTACHMENT_STATES, read_only=True)
    sha256 = serializers.CharField(
        source="content_id", read_only=True, allow_null=True, help_text="Of what is given out; null until ready."
    )
    name = serializers.CharField(
        source="label", read_only=True, help_text="The file's name as it came, without what could do harm."
    )
    redactions = TextReceiptField(read_only=True)

    class Meta:
        model = Attachment
        fields = [
            "kind",
            "name",
            "state",
            "media_type",
            "sha256",
            "received_bytes",
            "width",
            "height",
            "frames",
            "redactions",
            "refusal",
            "added_at",
            "settled_at",
        ]
        read_only_fields = fields


class AttachmentSerializer(FileSerializer):
    """An attachment of a bug report, without its content."""

    bug_report = serializers.IntegerField(source="report_id", read_only=True)
    links = serializers.SerializerMethodField()

    class Meta(FileSerializer.Meta):
        fields = ["id", "bug_report", *FileSerializer.Meta.fields, "links"]
        read_only_fields = fields

    @extend_schema_field(AttachmentLinks)
    def get_links(self, attachment: Attachment) -> dict[str, str]:
        """Give the addresses that belong to the attachment."""
        request = self.context["request"]
        return {
            "self": link(request, "attachment", id=attachment.pk),
            "bug_report": link(request, "bug-report", id=attachment.report_id),
            "content": link(request, "attachment-content", id=attachment.pk),
        }


class AddedSerializer(serializers.Serializer[Any]):
    """The answer to adding files."""

    attachments = AttachmentSerializer(many=True)


class ReportAttachments(ListView, CreateView):
    """The attachments of one bug report."""

    parser_classes = [FormParser]
    body_limits: ClassVar = {MEDIA_TYPE: MAX_BODY_BYTES}
    pagination_class = OldestFirst
    serializer_class = AttachmentSerializer
    scopes: ClassVar = {"GET": Scope.REPORTS_READ, "POST": Scope.REPORTS_WRITE}
    refusals: ClassVar = {
        "GET": (RemovedByRetention,),
        "POST": (RoleRequired, OthersReport, TooManyAttachments, RemovedByRetention, *NOT_REDACTED),
    }

    def get_queryset(self) -> QuerySet[Attachment]:
        """Start from a visible report."""
        if getattr(self, "swagger_fake_view", False):
            return Attachment.objects.none()
        return visible_attachments(self.person).filter(report=self._report())

    def _report(self) -> BugReport:
        """Give the report.

        Raises: Http404, RemovedByRetention.
        """
        try:
            return get_object_or_404(visible_reports(self.person), pk=self.kwargs["id"])
        except Http404:
            check_not_removed(self.kwargs["id"], self.person)
            raise

    @extend_schema(operation_id="list_attachments")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the attachments of a bug report, oldest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="add_attachments", request={MEDIA_TYPE: AddedFilesForm}, responses={201: AddedSerializer}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add screenshots (PNG, JPEG, WebP, GIF) and texts (UTF-8) to an own bug report."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add the files."""
        report, uploads = self._report(), added_files(sent_form(request))
        added = add_attachments(
            report=report, uploads=uploads, user=self.person, by=actor_of(request), at=timezone.now()
        )
        data = {"attachments": self.get_serializer(added, many=True).data}
        return created(data, location=link(request, "report-attachments", id=report.pk))


class _VisibleAttachments(ScopedView):
    """Views that start from the attachments that the caller may see."""

    scopes: ClassVar = {"GET": Scope.REPORTS_READ}

    def get_queryset(self) -> QuerySet[Attachment]:
        """Start from what the caller may see."""
        return visible_attachments(self.person)


class AttachmentDetail(RetrieveModelMixin, _VisibleAttachments):
    """One attachment."""

    serializer_class = AttachmentSerializer

    @extend_schema(operation_id="get_attachment")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one attachment, without its content; poll it until a screenshot is ready."""
        return self.retrieve(request, *args, **kwargs)


_DOWNLOAD = OpenApiResponse(OpenApiTypes.BINARY, description="The content, as a download.")
DOWNLOADS = {(200, media_type): _DOWNLOAD for media_type in ("image/png", "image/jpeg", "text/plain")}


class AttachmentContentView(_VisibleAttachments):
    """What an attachment gives out."""

    renderer_classes = [AnyBytes]
    refusals: ClassVar = {"GET": (AttachmentNotReady,)}

    @extend_schema(operation_id="get_attachment_content", responses=DOWNLOADS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the picture made anew, or the redacted text, as a download."""
        return download_of(self.get_object())


def download_of(attachment: Attachment) -> HttpResponse:
    """Give the content as a download that no browser interprets.

    Raises: AttachmentNotReady.
    """
    content = attachment_content(attachment)
    headers: Mapping[str, str] = download_headers(
        label=attachment.label, media_type=attachment.media_type, sha256=str(attachment.content_id)
    )
    return HttpResponse(content, headers=dict(headers))
