"""Attachments of manual actions: as those of bug reports, for whoever may read what was done by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.multipart import MAX_BODY_BYTES, MEDIA_TYPE, FormParser, sent_form
from awe_incidents.api.pagination import OldestFirst
from awe_incidents.api.renderers import AnyBytes
from awe_incidents.api.v1.attachments import DOWNLOADS, FileSerializer, download_of
from awe_incidents.api.v1.form_parts import AddedFilesForm, added_files
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.incidents.errors import AttachmentNotReady, TooManyAttachments
from awe_incidents.incidents.models import Attachment
from awe_incidents.recovery.errors import RoleRequired
from awe_incidents.recovery.models import ManualAction
from awe_incidents.recovery.operations import attach_to_manual_action
from awe_incidents.recovery.queries import manual_actions, manual_attachments


class ManualAttachmentLinks(serializers.Serializer[Any]):
    """Where to go on from a file of a manual action."""

    self = serializers.URLField()
    manual_action = serializers.URLField()
    content = serializers.URLField()


class ManualAttachmentSerializer(FileSerializer):
    """A file of a manual action, without its content."""

    manual_action = serializers.IntegerField(source="manual.action_id", read_only=True)
    links = serializers.SerializerMethodField()

    class Meta(FileSerializer.Meta):
        fields = ["id", "manual_action", *FileSerializer.Meta.fields, "links"]
        read_only_fields = fields

    @extend_schema_field(ManualAttachmentLinks)
    def get_links(self, attachment: Attachment) -> dict[str, str]:
        """Give the addresses that belong to it."""
        request = self.context["request"]
        return {
            "self": link(request, "manual-attachment", id=attachment.pk),
            "manual_action": link(request, "manual-action", id=attachment.manual.action_id),
            "content": link(request, "manual-attachment-content", id=attachment.pk),
        }


class AddedToManualActionSerializer(serializers.Serializer[Any]):
    """The answer to adding files."""

    attachments = ManualAttachmentSerializer(many=True)


class ManualActionAttachments(ListView, CreateView):
    """The files of one manual action."""

    parser_classes = [FormParser]
    body_limits: ClassVar = {MEDIA_TYPE: MAX_BODY_BYTES}
    pagination_class = OldestFirst
    serializer_class = ManualAttachmentSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ, "POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": (RoleRequired, TooManyAttachments, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[Attachment]:
        """Start from an action that is there."""
        if getattr(self, "swagger_fake_view", False):
            return Attachment.objects.none()
        return manual_attachments().filter(manual__action=self._action())

    def _action(self) -> ManualAction:
        return get_object_or_404(manual_actions(), pk=self.kwargs["id"])

    @extend_schema(operation_id="list_manual_action_attachments")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the files of a manual action, oldest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="add_manual_action_attachments",
        request={MEDIA_TYPE: AddedFilesForm},
        responses={201: AddedToManualActionSerializer},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add screenshots (PNG, JPEG, WebP, GIF) and texts (UTF-8) to what you recorded."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add the files."""
        action, uploads = self._action(), added_files(sent_form(request))
        added = attach_to_manual_action(
            action=action, uploads=uploads, user=self.person, by=actor_of(request), at=timezone.now()
        )
        data = {"attachments": self.get_serializer(added, many=True).data}
        return created(data, location=link(request, "manual-action-attachments", id=action.pk))


class _OfManualActions(ScopedView):
    """Views that start from the files of manual actions."""

    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[Attachment]:
        """Start from all of them: who may read any manual action may read each."""
        return manual_attachments()


class ManualAttachmentDetail(RetrieveModelMixin, _OfManualActions):
    """One file of a manual action."""

    serializer_class = ManualAttachmentSerializer

    @extend_schema(operation_id="get_manual_attachment")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one file, without its content; poll it until a screenshot is ready."""
        return self.retrieve(request, *args, **kwargs)


class ManualAttachmentContent(_OfManualActions):
    """What a file of a manual action gives out."""

    renderer_classes = [AnyBytes]
    refusals: ClassVar = {"GET": (AttachmentNotReady,)}

    @extend_schema(operation_id="get_manual_attachment_content", responses=DOWNLOADS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Give the picture made anew, or the redacted text, as a download."""
        return download_of(self.get_object())
