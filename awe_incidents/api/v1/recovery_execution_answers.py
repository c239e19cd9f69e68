"""Executions as answers show them: how far they came, what the checks said afterwards, and that there is a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from awe_incidents.api.choices import CHECK_STATES, EFFECTS, EXECUTION_STATES, SECRET_STATES, STEP_STATES
from awe_incidents.api.kept import represent
from awe_incidents.recovery.models import Execution, ExecutionStep, OneTimeSecret, Recheck
from awe_incidents.recovery.queries import recheck_of, rechecked


class StepSerializer(serializers.ModelSerializer[ExecutionStep]):
    """One step, and how far it came."""

    state = serializers.ChoiceField(choices=STEP_STATES, read_only=True)

    class Meta:
        model = ExecutionStep
        fields = ["number", "key", "title", "state", "started_at", "finished_at"]
        read_only_fields = fields


class CheckAnswer(serializers.Serializer[Any]):
    """What a check said."""

    state = serializers.ChoiceField(choices=CHECK_STATES)
    code = serializers.CharField()
    message = serializers.CharField(allow_blank=True)


class RecheckedSerializer(serializers.Serializer[Any]):
    """A check before the execution and after it."""

    check = serializers.CharField()
    before = CheckAnswer()
    after = CheckAnswer(allow_null=True, help_text="Null until the run is finished.")


class RecheckSerializer(serializers.ModelSerializer[Recheck]):
    """The checks of the incident that had failed, run again."""

    run = serializers.IntegerField(source="run_id", read_only=True)
    checks = serializers.SerializerMethodField()

    class Meta:
        model = Recheck
        fields = ["run", "requested_at", "finished_at", "checks"]
        read_only_fields = fields

    @extend_schema_field(RecheckedSerializer(many=True))
    def get_checks(self, recheck: Recheck) -> list[Any]:
        """Give them side by side."""
        return [represent(RecheckedSerializer, one) for one in rechecked(recheck)]


class SecretSerializer(serializers.ModelSerializer[OneTimeSecret]):
    """That there is something for the requester's eyes, and never what."""

    state = serializers.ChoiceField(choices=SECRET_STATES, read_only=True)

    class Meta:
        model = OneTimeSecret
        fields = ["state", "expires_at"]
        read_only_fields = fields


class ExecutionSerializer(serializers.ModelSerializer[Execution]):
    """The one start of a request."""

    state = serializers.ChoiceField(choices=EXECUTION_STATES, read_only=True)
    effect = serializers.ChoiceField(choices=EFFECTS, read_only=True, help_text="What it did to the target.")
    outcome = serializers.CharField(read_only=True, help_text="How it ended, in words; empty before.")
    verification = serializers.SerializerMethodField()
    recheck = serializers.SerializerMethodField()
    intent = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Entry of the trail that was signed before the first step."
    )
    secret = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()

    class Meta:
        model = Execution
        fields = [
            "id",
            "state",
            "effect",
            "outcome",
            "verification",
            "recheck",
            "queued_at",
            "started_at",
            "finished_at",
            "cancel_asked_at",
            "intent",
            "secret",
            "steps",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": ["object", "null"], "additionalProperties": True})
    def get_verification(self, execution: Execution) -> Any:
        """Give before and after, null while there is none."""
        return execution.verification

    @extend_schema_field(RecheckSerializer(allow_null=True))
    def get_recheck(self, execution: Execution) -> Any:
        """Give the checks that failed before, run again; null where none had, or it has not ended."""
        found = recheck_of(execution)
        return represent(RecheckSerializer, found) if found else None

    @extend_schema_field(SecretSerializer(allow_null=True))
    def get_secret(self, execution: Execution) -> Mapping[str, Any] | None:
        """Say how the one-time secret stands, null where none was made."""
        found = getattr(execution, "secret", None)
        return represent(SecretSerializer, found) if found else None

    @extend_schema_field(StepSerializer(many=True))
    def get_steps(self, execution: Execution) -> list[Any]:
        """Give the steps in their order, none before the first could begin."""
        rows = sorted(execution.steps.all(), key=lambda step: step.number)
        return [represent(StepSerializer, row) for row in rows]
