"""What people do to a request: decide, withdraw, cancel, break the glass, review, and say how it ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.actor import Actor
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.choices import RESOLUTIONS, REVIEW_VERDICTS
from awe_incidents.api.fields import Choice, Fields, Text
from awe_incidents.api.kept import validated
from awe_incidents.api.v1.recovery_answers import RecoveryRequestDetailSerializer
from awe_incidents.api.v1.recovery_forms import TypedStack, Why
from awe_incidents.api.v1.recovery_requests import created_request
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import NOT_REDACTED, CreateView
from awe_incidents.recovery import errors, operations
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.queries import requests
from awe_incidents.recovery.states import ExecutionState, ReviewVerdict


class Reasoned(Fields):
    """A reason."""

    because = Why(max_length=MAX_REASON)


class DecisionForm(Reasoned):
    """A decision on exactly what the digest covers."""

    digest = Text(min_length=64, max_length=64, help_text="The `digest` of the request as you read it.")


@extend_schema_serializer(component_name="RecoveryApproval")
class ApprovalForm(DecisionForm):
    """An approval."""

    stack = TypedStack()


@extend_schema_serializer(component_name="RecoveryDenial")
class DenialForm(DecisionForm):
    """A denial."""


@extend_schema_serializer(component_name="RecoveryWithdrawal")
class WithdrawalForm(Fields):
    """Perhaps why."""

    because = Text(required=False, default="", allow_blank=True, max_length=MAX_REASON)


@extend_schema_serializer(component_name="RecoveryCancellation")
class CancellationForm(Reasoned):
    """Why it is stopped."""


@extend_schema_serializer(component_name="RecoveryBreakGlass")
class BreakGlassForm(Reasoned):
    """Why nobody can be waited for."""

    stack = TypedStack()


@extend_schema_serializer(component_name="RecoveryReview")
class ReviewForm(Fields):
    """What the reviewer found."""

    verdict = Choice(choices=REVIEW_VERDICTS)
    findings = Why(max_length=MAX_REASON)


@extend_schema_serializer(component_name="RecoveryResolution")
class ResolutionForm(Reasoned):
    """How it ended, as a person saw."""

    state = Choice(choices=RESOLUTIONS)


class StepOnRequest(CreateView):
    """One step on a request; the answer is the request as it is now."""

    serializer_class = RecoveryRequestDetailSerializer
    form: ClassVar[type[Fields]]

    def get_queryset(self) -> QuerySet[RecoveryRequest]:
        """Start from all of them."""
        return requests()

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take it, and note where that was too often."""
        with operations.noting_refusals(by=actor_of(request), at=timezone.now()):
            return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take the step."""
        found = self.get_object()
        asked = validated(self.form, request.data)
        self.take(found, asked, user=self.person, by=actor_of(request), at=timezone.now())
        return created_request(self, found)

    @abstractmethod
    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Make the one domain call."""


DECIDING = (
    errors.RoleRequired,
    errors.OwnRequest,
    errors.AffectedUser,
    errors.ReasonRequired,
    errors.TransitionNotAllowed,
    errors.RequestExpired,
    errors.DecidedBefore,
    errors.DigestDiffers,
    *NOT_REDACTED,
)
MOVING = (errors.RoleRequired, errors.ReasonRequired, errors.TransitionNotAllowed, *NOT_REDACTED)
ANSWER = {201: RecoveryRequestDetailSerializer}


class Approval(StepOnRequest):
    """An approval by another person."""

    form = ApprovalForm
    scopes: ClassVar = {"POST": Scope.RECOVERY_APPROVE}
    refusals: ClassVar = {"POST": (*DECIDING, errors.StackNotNamed, errors.TooOften)}

    @extend_schema(operation_id="approve_recovery_request", request=ApprovalForm, responses=ANSWER)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Approve exactly what the digest covers; the last approval that is needed queues the execution."""
        return super().post(request, *args, **kwargs)

    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Approve."""
        operations.approve_request(
            request=request,
            digest=asked["digest"],
            typed_stack=asked["stack"],
            because=asked["because"],
            user=user,
            by=by,
            at=at,
        )


class Denial(StepOnRequest):
    """A denial by another person."""

    form = DenialForm
    scopes: ClassVar = {"POST": Scope.RECOVERY_APPROVE}
    refusals: ClassVar = {"POST": DECIDING}

    @extend_schema(operation_id="deny_recovery_request", request=DenialForm, responses=ANSWER)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deny a request for good."""
        return super().post(request, *args, **kwargs)

    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Deny."""
        operations.deny_request(request=request, user=user, by=by, at=at, **asked)


class Withdrawal(StepOnRequest):
    """An own request, taken back."""

    form = WithdrawalForm
    scopes: ClassVar = {"POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": MOVING}

    @extend_schema(operation_id="withdraw_recovery_request", request=WithdrawalForm, responses=ANSWER)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take back an own request that nobody has decided on."""
        return super().post(request, *args, **kwargs)

    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Withdraw."""
        operations.withdraw_request(request=request, user=user, by=by, at=at, **asked)


class Cancellation(StepOnRequest):
    """An approved request, stopped."""

    form = CancellationForm
    scopes: ClassVar = {"POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": MOVING}

    @extend_schema(operation_id="cancel_recovery_request", request=CancellationForm, responses=ANSWER)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Stop it: at once while nothing was done, else before the next step."""
        return super().post(request, *args, **kwargs)

    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Cancel."""
        operations.cancel_request(request=request, user=user, by=by, at=at, **asked)


class BreakGlass(StepOnRequest):
    """An approval gone past, in an emergency."""

    form = BreakGlassForm
    scopes: ClassVar = {"POST": Scope.RECOVERY_BREAK_GLASS}
    refusals: ClassVar = {
        "POST": (
            *MOVING,
            errors.StackNotNamed,
            errors.RequestExpired,
            errors.IncidentRequired,
            errors.BreakGlassRefused,
            errors.TooOften,
        ),
    }

    @extend_schema(operation_id="break_glass", request=BreakGlassForm, responses=ANSWER)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Queue it without an approval; another person reviews that within a day, and until then there is no other."""
        return super().post(request, *args, **kwargs)

    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Break the glass."""
        operations.break_glass(
            request=request, typed_stack=asked["stack"], because=asked["because"], user=user, by=by, at=at
        )


class ReviewOfBreakGlass(StepOnRequest):
    """What another person found of a break-glass."""

    form = ReviewForm
    scopes: ClassVar = {"POST": Scope.RECOVERY_APPROVE}
    refusals: ClassVar = {"POST": (*MOVING, errors.OwnBreakGlass, errors.AffectedUser)}

    @extend_schema(operation_id="review_break_glass", request=ReviewForm, responses=ANSWER)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say whether a break-glass was in order."""
        return super().post(request, *args, **kwargs)

    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Review."""
        operations.review_break_glass(
            request=request,
            verdict=ReviewVerdict(asked["verdict"]),
            findings=asked["findings"],
            user=user,
            by=by,
            at=at,
        )


class Resolution(StepOnRequest):
    """How an execution ended whose worker was lost, as a person says."""

    form = ResolutionForm
    scopes: ClassVar = {"POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": MOVING}

    @extend_schema(operation_id="resolve_outcome", request=ResolutionForm, responses=ANSWER)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say how an execution ended whose outcome is unknown."""
        return super().post(request, *args, **kwargs)

    def take(self, request: RecoveryRequest, asked: Mapping[str, Any], *, user: User, by: Actor, at: datetime) -> None:
        """Resolve."""
        operations.resolve_outcome(
            request=request,
            state=ExecutionState(asked["state"]),
            because=asked["because"],
            user=user,
            by=by,
            at=at,
        )


STEPS: Mapping[str, type[StepOnRequest]] = {
    "approval": Approval,
    "denial": Denial,
    "withdrawal": Withdrawal,
    "cancellation": Cancellation,
    "break-glass": BreakGlass,
    "review": ReviewOfBreakGlass,
    "resolution": Resolution,
}
