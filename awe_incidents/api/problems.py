"""Domain errors to RFC 9457 problems: one table, one handler, also for what never reaches a view."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpResponse
from django.http.request import UnreadablePostError
from django.utils.encoding import escape_uri_path
from psycopg.errors import ReadOnlySqlTransaction
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, status

from awe_incidents import intake
from awe_incidents.accounts import errors as accounts
from awe_incidents.api import errors as api
from awe_incidents.api.problem_kinds import INTERNAL, INVALID, MALFORMED, UNAVAILABLE, Kind
from awe_incidents.audit import errors as audit
from awe_incidents.incidents import errors as incidents
from awe_incidents.incidents.template import TemplateError
from awe_incidents.reconciliation import errors as reconciliation
from awe_incidents.recovery import errors as recovery
from diagnostics import errors as diagnostics
from diagnostics.redaction import errors as redaction

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/api/problems/"
RETRY_AFTER_SECONDS = 5
SIGNATURE_SECONDS = 2  # in which an entry has its place and its signature, as a rule

log = structlog.get_logger(__name__)
BY_STATUS: dict[int, Kind] = {
    400: MALFORMED,
    401: Kind(401, "not-authenticated", "A valid token is needed"),
    403: Kind(403, "not-allowed", "This is not allowed"),
    404: Kind(404, "not-found", "There is nothing here that you may see"),
    405: Kind(405, "method-not-allowed", "This address does not take this method"),
    406: Kind(406, "not-acceptable", "None of the media types asked for can be given"),
    412: Kind(412, "precondition-failed", "A precondition of the request does not hold"),
    413: Kind(413, "too-large", "The request is too large"),
    415: Kind(415, "media-type", "This media type is not taken here"),
    500: INTERNAL,
    503: UNAVAILABLE,
}
# Every domain error has a row (a test walks them all).
BY_ERROR: dict[type[Exception], Kind] = {
    intake.BodyTooSlow: Kind(408, "too-slow", "The body came too slowly"),
    intake.BodyTooLong: BY_STATUS[413],
    intake.NoRoomForBody: BY_STATUS[503],
    intake.BodyCutOff: MALFORMED,
    accounts.ScopeNotAllowed: Kind(403, "scope-not-allowed", "The roles do not allow this scope"),
    accounts.LifetimeNotAllowed: Kind(400, "lifetime-not-allowed", "The token's lifetime is not allowed"),
    accounts.AlreadyRevoked: Kind(409, "already-revoked", "The token was revoked before"),
    accounts.NameNotAllowed: Kind(400, "name-not-allowed", "This name is not allowed, or is taken"),
    accounts.EmailNotAllowed: Kind(400, "email-not-allowed", "Mail cannot go to this address"),
    accounts.WrongPassword: Kind(403, "wrong-password", "The password is not the person's"),
    accounts.TooManyTries: Kind(429, "too-many-tries", "A wrong password was given too often"),
    api.KeyReused: Kind(422, "idempotency-key-reused", "The Idempotency-Key was used for another request"),
    api.KeyInProgress: Kind(409, "idempotency-key-in-progress", "The first request with this key is still in progress"),
    api.KeyMalformed: Kind(400, "idempotency-key-malformed", "The Idempotency-Key cannot be used"),
    api.ExportRuns: Kind(503, "export-runs", "Another export is being sent"),
    api.LimitExceeded: Kind(429, "quota-exceeded", "More requests than the limit allows"),
    api.PreconditionRequired: Kind(428, "precondition-required", "The change must say what it was decided on"),
    api.TagMalformed: Kind(400, "tag-malformed", "The If-Match header holds no entity tag"),
    audit.ErasureRefused: Kind(400, "not-erasable", "There is no such text to erase, or no reason was given"),
    audit.AwaitsSignature: Kind(409, "awaits-signature", "No signed checkpoint covers it yet"),
    audit.TrailBroken: Kind(500, "trail-broken", "The entries of the trail are not those that were signed"),
    audit.HashesMissing: Kind(503, "no-trail-hashes", "Hashes of the trail are not stored yet"),
    audit.KeysNotPublished: Kind(503, "no-trail-keys", "No signer has made the trail's keys yet"),
    audit.PathMalformed: BY_STATUS[404],
    audit.TileMissing: BY_STATUS[404],
    audit.ExportRefused: Kind(503, "not-exportable", "The trail cannot be exported now"),
    audit.AuditError: Kind(503, "trail-unavailable", "The audit trail is not available, so nothing was changed"),
    diagnostics.UnknownStack: Kind(400, "unknown-stack", "There is no such stack"),
    diagnostics.UnknownSuite: Kind(400, "unknown-suite", "There is no such suite"),
    diagnostics.SecretNotStorable: Kind(400, "secret-not-storable", "The secret cannot be stored"),
    diagnostics.SecretUnreadable: Kind(503, "secret-unreadable", "A stored secret of the stack cannot be read"),
    diagnostics.DescriptionOutdated: Kind(409, "description-outdated", "The stack's description must be applied again"),
    diagnostics.InspectionFailed: Kind(500, "not-inspected", "The token could not be inspected, and is not kept"),
    diagnostics.AlreadyClaimed: Kind(409, "already-claimed", "Another worker was first"),
    incidents.ReportInvalid: INVALID,
    TemplateError: INVALID,
    incidents.TransitionNotAllowed: Kind(409, "transition-not-allowed", "The incident's state does not allow this"),
    incidents.ReasonRequired: Kind(400, "reason-required", "A reason is needed"),
    incidents.ChecksNotPassed: Kind(409, "checks-not-passed", "Checks that failed have not passed since"),
    incidents.NothingFailed: Kind(409, "nothing-failed", "There is nothing to look at again"),
    incidents.RoleRequired: Kind(403, "role-required", "A role is missing"),
    incidents.OthersReport: Kind(403, "others-report", "The bug report is of somebody else"),
    incidents.TooManyAttachments: Kind(409, "too-many-attachments", "It has as many attachments as it may"),
    incidents.AttachmentNotReady: Kind(409, "attachment-not-ready", "The attachment has nothing to give, or not yet"),
    incidents.AlreadyClaimed: Kind(409, "already-claimed", "Another worker was first"),
    incidents.RemovedByRetention: Kind(410, "removed-by-retention", "It was there, and is not kept any longer"),
    incidents.StaleVersion: Kind(412, "stale-version", "Somebody else changed this in between"),
    incidents.NothingChanged: Kind(409, "nothing-changed", "It is so already"),
    incidents.NothingSuggested: Kind(409, "nothing-suggested", "The service suggests nothing"),
    incidents.SearchTooBroad: Kind(400, "search-too-broad", "The search takes too long"),
    incidents.OtherStack: Kind(409, "other-stack", "This is about another stack"),
    incidents.TooManyRevisions: Kind(409, "too-many-revisions", "It cannot be revised again"),
    recovery.UnknownAction: Kind(400, "unknown-action", "There is no such recovery action"),
    recovery.ParametersInvalid: INVALID,
    recovery.ActionNotApplicable: Kind(409, "action-not-applicable", "The action has nothing to do there, or not now"),
    recovery.NotRecommended: Kind(409, "not-recommended", "The diagnosis does not recommend this"),
    recovery.TargetUnreachable: Kind(503, "target-unreachable", "The target does not answer, so nothing was planned"),
    recovery.RoleRequired: Kind(403, "role-required", "A role is missing"),
    recovery.OwnRequest: Kind(403, "own-request", "Another person decides on what you asked for"),
    recovery.AffectedUser: Kind(403, "affected-user", "Another person decides on what is done to you"),
    recovery.DecidedBefore: Kind(409, "decided-before", "You have decided on this request"),
    recovery.DigestDiffers: Kind(409, "digest-differs", "The decision is on other terms than the request's"),
    recovery.StackNotNamed: Kind(400, "stack-not-named", "The stack's name has to be typed"),
    recovery.ReasonRequired: Kind(400, "reason-required", "A reason is needed"),
    recovery.TransitionNotAllowed: Kind(409, "request-state", "The state of the request does not allow this"),
    recovery.RequestExpired: Kind(409, "request-expired", "The request's time is up"),
    recovery.BreakGlassRefused: Kind(409, "break-glass-refused", "The glass is not broken again now"),
    recovery.IncidentRequired: Kind(409, "incident-required", "The request is for no incident"),
    recovery.NotRequester: Kind(403, "not-requester", "Only who asked for the action may have this"),
    recovery.SecretGone: Kind(410, "secret-gone", "The secret was shown before, or was not fetched in time"),
    recovery.OwnBreakGlass: Kind(403, "own-break-glass", "Another person reviews what you had a part in"),
    recovery.NotClaimed: Kind(409, "already-claimed", "Another worker was first"),
    recovery.TargetHeld: Kind(409, "target-held", "Another execution holds the target"),
    recovery.TooOften: Kind(429, "action-too-often", "The action was started on this target as often as it may be"),
    recovery.TimesNotAllowed: Kind(400, "times-not-allowed", "These times are not allowed"),
    recovery.JournalUnusable: Kind(503, "journal-unusable", "The journal cannot be written or read"),
    recovery.TakenInBefore: Kind(409, "taken-in-before", "This line of a journal was taken in before"),
    recovery.AlreadyLifted: Kind(409, "already-lifted", "It was taken back before, or has ended"),
    recovery.LeaseLost: Kind(409, "lease-lost", "The worker's time was up"),
    reconciliation.AlarmSettled: Kind(409, "alarm-settled", "The alarm was settled before"),
    reconciliation.AlarmUnknown: BY_STATUS[404],
    reconciliation.OwnAlarm: Kind(403, "own-alarm", "Another person settles what you had a part in"),
    reconciliation.SettlingUnsaid: Kind(400, "reason-required", "A reason is needed"),
    redaction.RedactionError: Kind(500, "not-redacted", "The text could not be redacted, so it was not stored"),
}
# Which field of the body a refusal is about, where it is about one.
_FIELD_OF: dict[type[Exception], str] = {
    diagnostics.UnknownStack: "stack",
    diagnostics.UnknownSuite: "suite",
    incidents.TransitionNotAllowed: "action",
    incidents.ReasonRequired: "because",
    incidents.ChecksNotPassed: "despite_failed_checks",
    incidents.OtherStack: "incident",
    recovery.UnknownAction: "action",
    recovery.DigestDiffers: "digest",
    recovery.StackNotNamed: "stack",
    recovery.ReasonRequired: "because",
    reconciliation.SettlingUnsaid: "because",
}
# Which header a refusal is about.
_HEADER_OF: dict[type[Exception], str] = {
    api.KeyReused: "Idempotency-Key",
    api.KeyInProgress: "Idempotency-Key",
    api.KeyMalformed: "Idempotency-Key",
    api.PreconditionRequired: "If-Match",
    api.TagMalformed: "If-Match",
    incidents.StaleVersion: "If-Match",
}
_HOW_TO_COME_IN = "send `Authorization: Bearer TOKEN`; an administrator issues a token with manage.py create_token"
_NO_DATABASE = (OperationalError, InterfaceError, PoolTimeout)


class InvalidFields(exceptions.APIException):
    """Fields that break their rules, each with a JSON pointer into the part of the request that `place` names."""

    status_code = status.HTTP_400_BAD_REQUEST

    def __init__(self, problems: Iterable[tuple[str, str]], *, place: str = "body") -> None:
        self.errors = [problem_at(field, detail, place=place) for field, detail in problems]
        super().__init__("some fields break their rules")

    @classmethod
    def of(cls, detail: Any, *, place: str) -> InvalidFields:
        """Take over what a serializer found."""
        return cls(_flattened(detail), place=place)


def problem_at(field: str, detail: str, *, place: str = "body") -> dict[str, str]:
    """Give one entry of a problem's `errors`; `field` may be a path with slashes, "" means the whole."""
    return {"in": place, "pointer": f"#/{field}" if field else "#", "detail": detail}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Give the problem for an error that a view raised; None leaves it to Django, which makes a 500 of it."""
    described = _described(error)
    if described is None:
        return None
    kind, detail, errors, headers = described
    return _response(kind, detail, instance=context["request"].path, errors=errors, headers=headers)


def problem_response(
    status_code: int, *, detail: str = "", instance: str, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Give a problem for an answer that no view of the API made."""
    kind = BY_STATUS.get(status_code, MALFORMED if status_code < 500 else INTERNAL)
    if kind.status != status_code:
        kind = Kind(status_code, kind.slug, kind.title)
    return _response(kind, detail or f"{kind.title}.", instance=instance, headers=headers)


def _response(
    kind: Kind,
    detail: str,
    *,
    instance: str,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Render at once: negotiation or the view's renderer may be what failed."""
    body: dict[str, Any] = {
        "type": f"{TYPE_PREFIX}{kind.slug}/",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": escape_uri_path(instance),
    }
    if errors:
        body["errors"] = errors
    if kind.status == status.HTTP_503_SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS), **(headers or {})}
    return HttpResponse(json.dumps(body), status=kind.status, content_type=MEDIA_TYPE, headers=dict(headers or {}))


_Described = tuple[Kind, str, list[dict[str, str]], dict[str, str]]


def _described(error: Exception) -> _Described | None:
    if isinstance(error, UnreadablePostError) and isinstance(error.__cause__, intake.BodyRefused):
        error = error.__cause__
    if isinstance(error, incidents.ReportInvalid | TemplateError):
        return INVALID, "some fields break their rules", [problem_at(*one) for one in error.problems], {}
    if isinstance(error, recovery.ParametersInvalid):
        places = [(f"parameters/{name}".rstrip("/"), message) for name, message in error.problems]
        return INVALID, "some parameters of the action break its schema", [problem_at(*one) for one in places], {}
    kind = next((BY_ERROR[cls] for cls in type(error).__mro__ if cls in BY_ERROR), None)
    if kind is not None:
        return kind, str(error), _errors_of(error), _headers_of(error)
    if is_without_database(error):
        log.error("database unavailable", error=type(error).__name__)
        return UNAVAILABLE, "the database does not answer; try again", [], {}
    if isinstance(error, UnreadablePostError):
        return MALFORMED, "the body ended before its length was reached", [], {}
    if isinstance(error, Http404):
        return BY_STATUS[404], "nothing here that you may see; check the address", [], {}
    return _of_framework(error) if isinstance(error, exceptions.APIException) else None


def is_without_database(error: Exception) -> bool:
    """Say whether the database is away, refuses connections, or is a standby that takes no writes."""
    return isinstance(error, _NO_DATABASE) or (
        isinstance(error, InternalError) and isinstance(error.__cause__, ReadOnlySqlTransaction)
    )


def _errors_of(error: Exception) -> list[dict[str, str]]:
    header = next((name for kind, name in _HEADER_OF.items() if isinstance(error, kind)), None)
    if header:
        return [problem_at(header, str(error), place="header")]
    field = _FIELD_OF.get(type(error))
    return [problem_at(field, str(error))] if field else []


def _headers_of(error: Exception) -> dict[str, str]:
    if isinstance(error, audit.AwaitsSignature):
        return {"Retry-After": str(SIGNATURE_SECONDS)}
    if isinstance(error, recovery.TooOften):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"Retry-After": str(error.verdict.more_after_seconds)} if isinstance(error, api.LimitExceeded) else {}


def _of_framework(error: exceptions.APIException) -> _Described:
    headers = {"WWW-Authenticate": str(header)} if (header := getattr(error, "auth_header", None)) else {}
    if isinstance(error, InvalidFields):
        return INVALID, str(error.detail), error.errors, headers
    if isinstance(error, exceptions.ValidationError):
        return INVALID, "some fields break their rules", [problem_at(*one) for one in _flattened(error.detail)], headers
    kind = BY_STATUS.get(error.status_code, MALFORMED)
    if isinstance(error, exceptions.NotAuthenticated):
        return kind, _HOW_TO_COME_IN, [], headers
    errors = [problem_at("", str(error.detail))] if isinstance(error, exceptions.ParseError) else []
    return kind, str(error.detail), errors, headers


def _flattened(detail: Any, path: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            part = str(key).replace("~", "~0").replace("/", "~1")
            yield from _flattened(inner, path if key == "non_field_errors" else f"{path}/{part}".lstrip("/"))
    elif isinstance(detail, list | tuple):
        for inner in detail:
            yield from _flattened(inner, path)
    else:
        yield path, str(detail)
