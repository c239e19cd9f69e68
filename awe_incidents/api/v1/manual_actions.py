"""Manual actions: what somebody did by hand, as they say, with files; recorded, not executed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import MAX_ID, Fields, Moment, StackNamed, Text, WholeNumber
from awe_incidents.api.kept import represent, represent_all, validated
from awe_incidents.api.multipart import MAX_BODY_BYTES, MEDIA_TYPE, Form, FormParser, sent_form
from awe_incidents.api.parameters import PageParameters
from awe_incidents.api.parsers import StrictJsonParser
from awe_incidents.api.problems import InvalidFields
from awe_incidents.api.v1.form_parts import FilesForm, texts_of, uploads_of
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.manual_attachments import ManualAttachmentSerializer
from awe_incidents.api.v1.recovery_forms import IncidentNumber, Why, incident_of
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.errors import ActionNotApplicable, ReasonRequired, RoleRequired
from awe_incidents.recovery.journaled import JournaledAction
from awe_incidents.recovery.models import ManualAction
from awe_incidents.recovery.operations import record_manual_action
from awe_incidents.recovery.queries import manual_actions

MAX_COMMANDS, MAX_OUTPUT = 20_000, 200_000
MAX_TOLD = 20  # beside something else


class JournaledSerializer(serializers.ModelSerializer[JournaledAction]):
    """Where it was first written down, while the service's database was away."""

    follows = serializers.BooleanField(read_only=True, help_text="The line before it is the one it was written behind.")

    class Meta:
        model = JournaledAction
        fields = ["key", "number", "digest", "follows", "written_at"]
        read_only_fields = fields


class ManualActionSerializer(serializers.ModelSerializer[ManualAction]):
    """What was done by hand."""

    stack = serializers.CharField(source="stack.name", read_only=True)
    incident = serializers.IntegerField(source="incident_id", read_only=True, allow_null=True)
    recorded_by = serializers.CharField(source="person.username", read_only=True)
    url = serializers.SerializerMethodField()
    attachments = serializers.SerializerMethodField()
    journaled = serializers.SerializerMethodField()

    class Meta:
        model = ManualAction
        fields = [
            "id",
            "url",
            "stack",
            "incident",
            "done_by",
            "done_at",
            "recorded_by",
            "recorded_at",
            "because",
            "commands",
            "output",
            "attachments",
            "journaled",
        ]
        read_only_fields = fields

    @extend_schema_field(ManualAttachmentSerializer(many=True))
    def get_attachments(self, row: ManualAction) -> list[dict[str, Any]]:
        """Give the files that belong to it, oldest first."""
        files = [one.attachment for one in row.attached.all()]
        return represent_all(ManualAttachmentSerializer, files, context=self.context)

    @extend_schema_field(JournaledSerializer(allow_null=True))
    def get_journaled(self, row: ManualAction) -> dict[str, Any] | None:
        """Give the line of the journal that it was taken in from, late; null where it was recorded here."""
        line = getattr(row, "journaled", None)
        return represent(JournaledSerializer, line) if line else None

    def get_url(self, row: ManualAction) -> str:
        """Give its address."""
        return link(self.context["request"], "manual-action", id=row.pk)


@extend_schema_serializer(component_name="ManualActionRecorded")
class ManualActionForm(Fields):
    """Who did what, when and why."""

    stack = StackNamed()
    incident = IncidentNumber(help_text="The incident that it was for.")
    done_by = Text(required=False, default="", allow_blank=True, max_length=200, help_text="Yourself where left out.")
    done_at = Moment()
    because = Why(max_length=MAX_REASON)
    commands = Text(required=False, default="", allow_blank=True, max_length=MAX_COMMANDS)
    output = Text(required=False, default="", allow_blank=True, max_length=MAX_OUTPUT)


@extend_schema_serializer(component_name="ManualActionUpload")
class ManualActionUploadForm(FilesForm, ManualActionForm):
    """Who did what, when and why, with files."""


class ManualActionParameters(PageParameters):
    """Which of them."""

    stack = Text(required=False, max_length=63)
    incident = WholeNumber(required=False, min_value=1, max_value=MAX_ID)


class ManualActionList(ListView, CreateView):
    """What was done by hand."""

    parser_classes = [StrictJsonParser, FormParser]
    body_limits: ClassVar = {MEDIA_TYPE: MAX_BODY_BYTES}
    serializer_class = ManualActionSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ, "POST": Scope.RECOVERY_REQUEST}
    parameters: ClassVar = {"GET": ManualActionParameters}
    filters: ClassVar = {"stack": "stack_id", "incident": "incident_id"}
    refusals: ClassVar = {"POST": (RoleRequired, ReasonRequired, ActionNotApplicable, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[ManualAction]:
        """Start from all of them."""
        return manual_actions()

    @extend_schema(operation_id="list_manual_actions")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what was done by hand, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="record_manual_action",
        request={"application/json": ManualActionForm, MEDIA_TYPE: ManualActionUploadForm},
        responses={201: ManualActionSerializer},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Record what somebody did by hand; texts are redacted, and the trail keeps their digest.

        As JSON, or as a form with screenshots (PNG, JPEG, WebP, GIF) and texts (UTF-8).
        """
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Record it."""
        form, now = sent_form(request), timezone.now()
        asked = _read_form(form) if form else validated(ManualActionForm, request.data)
        if asked["done_at"] > now:
            raise InvalidFields([("done_at", "This lies in the future; say when it was done.")])
        row = record_manual_action(
            stack=asked["stack"],
            incident=incident_of(asked, self.person),
            done_by=asked["done_by"] or self.person.username,
            done_at=asked["done_at"],
            because=asked["because"],
            commands=asked["commands"],
            output=asked["output"],
            uploads=uploads_of(form.parts) if form else (),
            user=self.person,
            by=actor_of(request),
            at=now,
        )
        row.refresh_from_db()
        data = self.get_serializer(row).data
        return created(data, location=data["url"])


def _read_form(form: Form) -> dict[str, Any]:
    """Give what came as texts of a form. Raises: InvalidFields, ValidationError."""
    fields = texts_of(form.parts, known=ManualActionUploadForm().fields)
    return validated(ManualActionForm, fields, context={"place": "form"})


def shown_by_hand(incident: Incident, request: Request) -> list[dict[str, Any]]:
    """Give what was last done by hand for an incident, oldest first, for an answer that tells of more."""
    newest = manual_actions().filter(incident=incident).order_by("-pk")[:MAX_TOLD]
    return represent_all(ManualActionSerializer, list(newest)[::-1], context={"request": request})


class ManualActionDetail(RetrieveModelMixin, ScopedView):
    """One thing that was done by hand."""

    serializer_class = ManualActionSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[ManualAction]:
        """Start from all of them."""
        return manual_actions()

    @extend_schema(operation_id="get_manual_action")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one of them."""
        return self.retrieve(request, *args, **kwargs)
