"""Our addresses, and the bare view."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.generics import CreateAPIView
from rest_framework.parsers import JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.relations import SlugRelatedField
from rest_framework.serializers import ModelSerializer

from bench.bare.models import Report
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


urlpatterns = [path("bare/", BareCreate.as_view()), path("", include("awe_incidents.urls"))]
