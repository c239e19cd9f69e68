"""The cause of a diagnosis that a request is for, as answers show it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from awe_incidents.recovery.models import Recommendation


class EvidenceSpan(serializers.Serializer[Any]):
    """Lines of a piece of evidence of the run."""

    check = serializers.CharField()
    evidence = serializers.CharField()
    first_line = serializers.IntegerField(min_value=1)
    last_line = serializers.IntegerField(min_value=1)


class RecommendationSerializer(serializers.ModelSerializer[Recommendation]):
    """The cause of a diagnosis for which it is asked, with the evidence that it cited then."""

    run = serializers.IntegerField(source="run_id", read_only=True)
    evidence = EvidenceSpan(many=True, read_only=True)

    class Meta:
        model = Recommendation
        fields = ["run", "cause", "subject", "sentence", "evidence"]
        read_only_fields = fields
