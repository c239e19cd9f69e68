"""Our addresses, and the bare views."""

from __future__ import annotations

from typing import Any

from django.urls import include, path
from rest_framework.fields import FileField, ListField
from rest_framework.generics import CreateAPIView
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.relations import SlugRelatedField
from rest_framework.serializers import ModelSerializer

from bench.bare.models import Report, Screenshot
from diagnostics.models import Stack


class ReportSerializer(ModelSerializer[Report]):
    """All columns, as the framework makes them; the stack comes by its name."""

    stack: SlugRelatedField[Stack] = SlugRelatedField("name", queryset=Stack.objects.all())

    class Meta:
        model = Report
        fields = "__all__"


class BareCreate(CreateAPIView[Report]):
    """What the framework gives for nothing; the token is ours, as any service would ask who is there."""

    queryset = Report.objects.all()
    serializer_class = ReportSerializer
    parser_classes = [JSONParser]
    permission_classes = [IsAuthenticated]
    filter_backends = []


class FormSerializer(ReportSerializer):
    """The same with files."""

    screenshot = ListField(child=FileField(), write_only=True)

    def create(self, validated_data: dict[str, Any]) -> Report:
        """Create the report and its files."""
        files = validated_data.pop("screenshot")
        report = super().create(validated_data)
        for file in files:
            Screenshot.objects.create(report=report, file=file)
        return report


class BareUpload(BareCreate):
    """A form as the framework takes it; the files go into a folder as they are."""

    serializer_class = FormSerializer
    parser_classes = [MultiPartParser]


urlpatterns = [
    path("bare/", BareCreate.as_view()),
    path("bare/upload/", BareUpload.as_view()),
    path("", include("awe_incidents.urls")),
]
