"""The catalogue of recovery actions, each with the JSON Schema of its parameters."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.v1.recovery_answers import JsonObject
from awe_incidents.api.views import ScopedView
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.actions.base import Action
from awe_incidents.recovery.policies import Tier, approvals_needed


class RateSerializer(serializers.Serializer[Any]):
    """How often an action may start on one target of a stack."""

    times = serializers.IntegerField(min_value=1)
    seconds = serializers.IntegerField(min_value=1)


class RecoveryActionSerializer(serializers.Serializer[Any]):
    """An action that can be asked for."""

    slug = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(help_text="What it does, what it costs and what it cannot do.")
    version = serializers.IntegerField()
    tier = serializers.IntegerField(min_value=0, max_value=3)
    approvals_needed = serializers.IntegerField(help_text="By others than the requester.")
    rate = RateSerializer()
    parameters = JsonObject(help_text="JSON Schema (2020-12) of the parameters.")


class RecoveryActionCatalog(serializers.Serializer[Any]):
    """All of them."""

    results = RecoveryActionSerializer(many=True)


class RecoveryActionList(ScopedView):
    """The catalogue."""

    serializer_class = RecoveryActionCatalog
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    @extend_schema(operation_id="list_recovery_actions", responses={200: RecoveryActionCatalog})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List every action by slug."""
        return Response({"results": [_shown(one) for one in registry.all_actions().values()]})


def _shown(action: Action[Any]) -> dict[str, Any]:
    return {
        "slug": action.slug,
        "title": action.title,
        "description": inspect.getdoc(inspect.getmodule(type(action))) or "",
        "version": action.version,
        "tier": action.tier,
        "approvals_needed": approvals_needed(Tier(action.tier)),
        "rate": {"times": action.rate.times, "seconds": action.rate.seconds},
        "parameters": action.schema(),
    }
