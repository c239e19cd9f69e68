"""The dry run of an action: what it would do now; nothing is changed or stored."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.kept import validated
from awe_incidents.api.v1.recovery_actions import RateSerializer
from awe_incidents.api.v1.recovery_answers import RecoveryPlanContent
from awe_incidents.api.v1.recovery_forms import ActionForm
from awe_incidents.api.views import NOT_REDACTED, ScopedView
from awe_incidents.recovery.errors import ActionNotApplicable, RoleRequired, TargetUnreachable, UnknownAction
from awe_incidents.recovery.operations import plan_action
from awe_incidents.recovery.policies import Tier, approvals_needed
from awe_incidents.recovery.queries import counted_executions, last_seconds, waits_for

PLANNING_REFUSALS = (RoleRequired, UnknownAction, ActionNotApplicable, TargetUnreachable, *NOT_REDACTED)


class RecoveryPlanSerializer(serializers.Serializer[Any]):
    """What an action would do."""

    action = serializers.CharField()
    version = serializers.IntegerField()
    tier = serializers.IntegerField(min_value=0, max_value=3)
    approvals_needed = serializers.IntegerField()
    target = serializers.CharField(help_text="What it locks; empty for the whole stack.")
    fingerprint = serializers.CharField(help_text="Digest of the target as it is now.")
    plan = RecoveryPlanContent()
    waits_for = serializers.CharField(help_text="The freeze or window that it would wait for now; empty for nothing.")
    rate = RateSerializer()
    started_lately = serializers.IntegerField(min_value=0, help_text="How often it was started in the rate's seconds.")
    last_seconds = serializers.ListField(
        child=serializers.FloatField(), help_text="How long the last successful ones took, newest first."
    )


@extend_schema_serializer(component_name="RecoveryPlanned")
class PlanForm(ActionForm):
    """Which action to plan."""


class RecoveryPlans(ScopedView):
    """Dry runs."""

    serializer_class = RecoveryPlanSerializer
    scopes: ClassVar = {"POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": PLANNING_REFUSALS}

    @extend_schema(operation_id="plan_recovery", request=PlanForm, responses={200: RecoveryPlanSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Look at the target and say what would be done; nothing is changed or stored."""
        asked = validated(PlanForm, request.data)
        planned = plan_action(
            stack=asked["stack"], slug=asked["action"], document=asked["parameters"], user=self.person
        )
        rate = planned.action.rate
        shown = {
            "action": planned.action.slug,
            "version": planned.action.version,
            "tier": planned.action.tier,
            "approvals_needed": approvals_needed(Tier(planned.action.tier)),
            "target": planned.target,
            "fingerprint": planned.fingerprint,
            "plan": planned.plan,
            "waits_for": waits_for(stack_id=asked["stack"].pk, tier=planned.action.tier),
            "rate": {"times": rate.times, "seconds": rate.seconds},
            "started_lately": counted_executions(
                stack_id=asked["stack"].pk,
                action=planned.action.slug,
                target=planned.target,
                seconds=rate.seconds,
            ).count(),
            "last_seconds": last_seconds(planned.action.slug, stack_id=asked["stack"].pk),
        }
        return Response(self.get_serializer(shown).data)
