"""What checks answered, and what they saw, as parts of a run."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from awe_incidents.api.choices import CHECK_STATES, RESULT_PROGRESS, THRESHOLD_SOURCES, choice_or_empty
from awe_incidents.api.v1.links import link
from diagnostics.checks.result import State
from diagnostics.models import CheckResult, Evidence


@extend_schema_field(
    {
        "type": "object",
        "description": "How many results ended in each state; empty until the run is finished.",
        "propertyNames": {"enum": [state.value for state in State]},
        "additionalProperties": {"type": "integer", "minimum": 1},
    }
)
class CountsField(serializers.JSONField):
    """Numbers of results by state."""


@extend_schema_field(
    {
        "type": "object",
        "description": "How often each rule of the redactor took something out.",
        "additionalProperties": {"type": "integer", "minimum": 1},
    }
)
class RuleCountsField(serializers.JSONField):
    """Numbers of removals by rule."""


@extend_schema_field({"type": ["string", "number", "boolean", "null"]})
class MeasuredValueField(serializers.JSONField):
    """A measured value."""


class Measurement(serializers.Serializer[Any]):
    """A measured value and its unit."""

    value = MeasuredValueField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)
    lasts = serializers.BooleanField(
        required=False, help_text="It stays as it is until somebody changes the stack; absent where it does not."
    )


class Threshold(serializers.Serializer[Any]):
    """The limit that a value was compared with, and where it comes from."""

    name = serializers.CharField()
    value = serializers.FloatField()
    unit = serializers.CharField(allow_blank=True)
    source = serializers.ChoiceField(choices=THRESHOLD_SOURCES)  # type: ignore[assignment]
    reference = serializers.CharField(allow_blank=True)


class Citation(serializers.Serializer[Any]):
    """Lines of evidence (by its key) that prove a finding; both ends included."""

    evidence = serializers.CharField()
    first_line = serializers.IntegerField(min_value=1)
    last_line = serializers.IntegerField(min_value=1)


class Finding(serializers.Serializer[Any]):
    """One thing found about one target."""

    state = serializers.ChoiceField(choices=CHECK_STATES)
    code = serializers.CharField()
    message = serializers.CharField()
    target = serializers.CharField(allow_blank=True)
    measured = serializers.DictField(child=Measurement())
    threshold = Threshold(allow_null=True)
    citations = Citation(many=True)
    next_checks = serializers.ListField(child=serializers.CharField())


@extend_schema_field(Finding(many=True))
class FindingsField(serializers.JSONField):
    """The findings as stored."""


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    """What a check saw; the text is at `text_url`."""

    sha256 = serializers.CharField(source="text_id", read_only=True)
    size_bytes = serializers.IntegerField(source="text.size_bytes", read_only=True)
    line_count = serializers.IntegerField(source="text.line_count", read_only=True)
    redactions = RuleCountsField(read_only=True)
    text_url = serializers.SerializerMethodField()

    class Meta:
        model = Evidence
        fields = [
            "id",
            "key",
            "kind",
            "source",
            "sha256",
            "size_bytes",
            "line_count",
            "first_line",
            "captured_from",
            "captured_until",
            "rule_set_version",
            "redactions",
            "dropped_bytes",
            "text_url",
        ]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_text_url(self, evidence: Evidence) -> str:
        """Give the address of the text."""
        return link(self.context["request"], "evidence-text", id=evidence.pk)


class ResultSerializer(serializers.ModelSerializer[CheckResult]):
    """The answer of one check: its worst finding in front, all findings and evidence behind."""

    check_id = serializers.CharField(source="slug", read_only=True)
    progress = serializers.ChoiceField(choices=RESULT_PROGRESS, read_only=True)
    state = choice_or_empty(CHECK_STATES, "The check's answer; empty until there is one.")
    findings = FindingsField(read_only=True)
    evidence = EvidenceSerializer(many=True, read_only=True)

    class Meta:
        model = CheckResult
        fields = [
            "id",
            "check_id",
            "version",
            "progress",
            "state",
            "code",
            "message",
            "target",
            "prerequisite",
            "findings",
            "next_checks",
            "vantage",
            "started_at",
            "duration_ms",
            "evidence",
        ]
        read_only_fields = fields
