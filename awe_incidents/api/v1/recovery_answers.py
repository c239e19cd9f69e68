"""Requests of recovery as answers show them: what is asked for, who decided, and how the execution stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from awe_incidents.api.choices import NOTICE_STATES, RECOVERY_REQUEST_STATES, REVIEW_STATES, VERDICTS, choice_or_empty
from awe_incidents.api.kept import represent
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.recovery_execution_answers import ExecutionSerializer
from awe_incidents.api.v1.recovery_findings import RecommendationSerializer
from awe_incidents.recovery.models import Decision, RecoveryRequest, Review, ReviewNotice
from awe_incidents.recovery.queries import held_up_by, last_seconds
from awe_incidents.recovery.states import ReviewVerdict

Reviewed = [(word.value, word.value) for word in ReviewVerdict]


@extend_schema_field({"type": "object", "additionalProperties": True})
class JsonObject(serializers.JSONField):
    """An object whose members the action's schema says."""


class PlanStep(serializers.Serializer[Any]):
    """One effect, in words."""

    key = serializers.CharField()
    title = serializers.CharField()


class RecoveryPlanContent(serializers.Serializer[Any]):
    """What would be done, and what it costs."""

    title = serializers.CharField()
    steps = PlanStep(many=True)
    destroys = serializers.ListField(child=serializers.CharField())
    way_back = serializers.CharField()
    warnings = serializers.ListField(child=serializers.CharField())


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """What one person decided."""

    person = serializers.CharField(source="person.username", read_only=True)
    verdict = serializers.ChoiceField(choices=VERDICTS, read_only=True)

    class Meta:
        model = Decision
        fields = ["person", "verdict", "digest", "because", "decided_at"]
        read_only_fields = fields


class ReviewNoticeSerializer(serializers.ModelSerializer[ReviewNotice]):
    """That somebody who may review a break-glass is told of it by mail."""

    person = serializers.CharField(source="person.username", read_only=True)
    state = serializers.ChoiceField(choices=NOTICE_STATES, read_only=True)
    outcome = serializers.CharField(read_only=True, help_text="Why it was not sent, or not yet; else empty.")

    class Meta:
        model = ReviewNotice
        fields = ["person", "state", "tries", "settled_at", "outcome"]
        read_only_fields = fields


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """A break-glass and its review."""

    state = serializers.ChoiceField(choices=REVIEW_STATES, read_only=True)
    broken_by = serializers.CharField(source="broken_by.username", read_only=True)
    reviewer = serializers.SerializerMethodField()
    verdict = choice_or_empty(Reviewed, "Empty while it is due.")
    notices = serializers.SerializerMethodField()

    class Meta:
        model = Review
        fields = [
            "state",
            "broken_by",
            "because",
            "broken_at",
            "claim_until",
            "due_at",
            "reviewer",
            "verdict",
            "findings",
            "reviewed_at",
            "notices",
        ]
        read_only_fields = fields

    @extend_schema_field(ReviewNoticeSerializer(many=True))
    def get_notices(self, review: Review) -> list[Any]:
        """Give who is told of it by mail; nobody where no mail server is set up."""
        rows = sorted(review.notices.all(), key=lambda one: one.pk)
        return [represent(ReviewNoticeSerializer, row) for row in rows]

    def get_reviewer(self, review: Review) -> str:
        """Give who reviewed it, empty while it is due."""
        return review.reviewer.username if review.reviewer else ""


class RecoveryLinks(serializers.Serializer[Any]):
    """Addresses of what belongs to a request."""

    self = serializers.URLField()
    output = serializers.URLField()


class RecoveryRequestSerializer(serializers.ModelSerializer[RecoveryRequest]):
    """A request without its plan."""

    stack = serializers.CharField(source="stack.name", read_only=True)
    incident = serializers.IntegerField(source="incident_id", read_only=True, allow_null=True)
    requester = serializers.CharField(source="requester.username", read_only=True)
    retry_of = serializers.IntegerField(source="retry_of_id", read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=RECOVERY_REQUEST_STATES, read_only=True)
    tier = serializers.IntegerField(min_value=0, max_value=3, read_only=True)
    digest = serializers.CharField(
        source="terms.digest", read_only=True, help_text="Of exactly what is asked for; a decision names it."
    )
    links = serializers.SerializerMethodField()

    class Meta:
        model = RecoveryRequest
        fields = [
            "id",
            "stack",
            "incident",
            "action",
            "tier",
            "state",
            "requester",
            "because",
            "retry_of",
            "requested_at",
            "changed_at",
            "expires_at",
            "digest",
            "links",
        ]
        read_only_fields = fields

    @extend_schema_field(RecoveryLinks)
    def get_links(self, request: RecoveryRequest) -> dict[str, str]:
        """Give addresses."""
        asked = self.context["request"]
        return {
            "self": link(asked, "recovery-request", id=request.pk),
            "output": link(asked, "output", id=request.pk),
        }


class RecoveryRequestDetailSerializer(RecoveryRequestSerializer):
    """A request with everything that is decided on, and what came of it."""

    version = serializers.IntegerField(source="terms.version", read_only=True, help_text="Of the action.")
    parameters = JsonObject(source="terms.parameters", read_only=True)
    fingerprint = serializers.CharField(source="terms.fingerprint", read_only=True)
    plan = RecoveryPlanContent(source="terms.plan", read_only=True)
    approvals_needed = serializers.IntegerField(read_only=True)
    waits_for = serializers.SerializerMethodField()
    last_seconds = serializers.SerializerMethodField()
    recommendation = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()
    execution = serializers.SerializerMethodField()
    review = serializers.SerializerMethodField()

    class Meta(RecoveryRequestSerializer.Meta):
        fields = [
            *RecoveryRequestSerializer.Meta.fields,
            "version",
            "target",
            "parameters",
            "fingerprint",
            "plan",
            "approvals_needed",
            "waits_for",
            "last_seconds",
            "recommendation",
            "decisions",
            "execution",
            "review",
        ]
        read_only_fields = fields

    def get_waits_for(self, request: RecoveryRequest) -> str:
        """Give the freeze or window that it would wait for now; empty for nothing, and once it has begun."""
        return held_up_by(request)

    @extend_schema_field({"type": "array", "items": {"type": "number"}})
    def get_last_seconds(self, request: RecoveryRequest) -> list[float]:
        """Give how long the last successful ones took, newest first."""
        return last_seconds(request.action, stack_id=request.stack_id)

    @extend_schema_field(RecommendationSerializer(allow_null=True))
    def get_recommendation(self, request: RecoveryRequest) -> Any:
        """Give what made somebody ask, null where no diagnosis did."""
        found = getattr(request, "recommendation", None)
        return represent(RecommendationSerializer, found) if found else None

    @extend_schema_field(DecisionSerializer(many=True))
    def get_decisions(self, request: RecoveryRequest) -> list[Any]:
        """Give the decisions in their order."""
        rows = sorted(request.decisions.all(), key=lambda one: one.pk)
        return [represent(DecisionSerializer, row) for row in rows]

    @extend_schema_field(ExecutionSerializer(allow_null=True))
    def get_execution(self, request: RecoveryRequest) -> Mapping[str, Any] | None:
        """Give the execution, null before the approval."""
        found = getattr(request, "execution", None)
        return represent(ExecutionSerializer, found) if found else None

    @extend_schema_field(ReviewSerializer(allow_null=True))
    def get_review(self, request: RecoveryRequest) -> Mapping[str, Any] | None:
        """Give the review, null where no glass was broken."""
        found = getattr(request, "review", None)
        return represent(ReviewSerializer, found) if found else None
