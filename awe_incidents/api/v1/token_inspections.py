"""Token inspection: what stands in a token and whose key fits it; nothing of it is kept, so there is nothing to list.

It takes no Idempotency-Key, as the answer to a repetition and the digest of a request would be kept with it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import SAYS_SOMETHING, Fields, StackNamed, Text
from awe_incidents.api.kept import validated
from awe_incidents.api.views import NOT_REDACTED, ScopedView
from diagnostics.operations import inspect_token
from diagnostics.probes.token_inspection import Fit, GivenToken, Inspection
from diagnostics.probes.tokens import MAX_TOKEN_BYTES

KINDS = ("signed", "unsigned", "encrypted", "nested", "opaque")


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TOKEN_BYTES,
        "pattern": SAYS_SOMETHING,
        "description": "As it is, or with `Bearer` in front. It is kept nowhere.",
    }
)
class TokenText(Text):
    """A token, hidden from every repr the moment it is read."""

    def to_internal_value(self, data: Any) -> GivenToken:  # type: ignore[override]
        """Take text."""
        return GivenToken(super().to_internal_value(data))

    def run_validators(self, value: Any) -> None:
        """Look at the text inside."""
        super().run_validators(value.text)


@extend_schema_serializer(component_name="TokenInspectionRequest")
class TokenInspectionRequest(Fields):
    """A token, and the stack whose keys to try."""

    stack = StackNamed()
    token = TokenText(max_length=MAX_TOKEN_BYTES)


class TokenNote(serializers.Serializer[Any]):
    """One thing to know about the token."""

    code = serializers.CharField()
    text = serializers.CharField()


class TokenTimeSerializer(serializers.Serializer[Any]):
    """A time claim against our clock."""

    claim = serializers.ChoiceField(choices=["iat", "nbf", "exp"])
    at = serializers.CharField(help_text="ISO 8601, UTC.")
    from_now_seconds = serializers.FloatField(help_text="Negative for the past.")


class TriedKeySerializer(serializers.Serializer[Any]):
    """One service's key, and whether it made the signature."""

    service = serializers.CharField()
    place = serializers.CharField(help_text="Where the key was read.")
    fit = serializers.ChoiceField(choices=[fit.value for fit in Fit])
    detail = serializers.CharField()


class TokenPartsSerializer(serializers.Serializer[Any]):
    """What stands in a token: names and times, no values."""

    kind = serializers.ChoiceField(choices=KINDS)
    size_bytes = serializers.IntegerField()
    segments = serializers.IntegerField()
    header = serializers.DictField(child=serializers.CharField(), help_text="alg, enc, typ, cty and kid, redacted.")
    other_parameters = serializers.ListField(child=serializers.CharField(), help_text="Names of the header's others.")
    claims = serializers.ListField(child=serializers.CharField(), help_text="Names of the claims.")
    times = TokenTimeSerializer(many=True)
    lifetime_seconds = serializers.FloatField(allow_null=True)
    notes = TokenNote(many=True)


class TokenInspectionSerializer(TokenPartsSerializer):
    """What a person may know of a token; `inner` is what a nested one holds, the outermost first."""

    keys = TriedKeySerializer(many=True)
    inner = serializers.SerializerMethodField()

    @extend_schema_field(TokenPartsSerializer(many=True))
    def get_inner(self, inspection: Inspection) -> list[dict[str, Any]]:
        """Unfold what is nested."""
        found, inside = [], inspection.inner
        while inside is not None:
            found.append(dict(TokenPartsSerializer(inside).data))
            inside = inside.inner
        return found


class TokenInspections(ScopedView):
    """Inspections of tokens."""

    scopes: ClassVar = {"POST": Scope.RUNS_WRITE}
    refusals: ClassVar = {"POST": NOT_REDACTED}

    @extend_schema(
        operation_id="inspect_token", request=TokenInspectionRequest, responses={200: TokenInspectionSerializer}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a token apart and try the stack's keys on it; neither the token nor a value in it is kept."""
        asked = _asked(request)
        inspection = inspect_token(stack=asked["stack"], token=asked["token"], by=actor_of(request), at=timezone.now())
        return Response(TokenInspectionSerializer(inspection).data)


def _asked(request: Request) -> dict[str, Any]:
    """Read the request in a frame of its own: a serializer's repr shows what it was given."""
    return validated(TokenInspectionRequest, request.data)
