"""The OpenAPI 3.1 schema: what drf-spectacular cannot see by itself (problems, parameters, tokens, headers)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiParameter

from awe_incidents.api import errors
from awe_incidents.api.fields import MAX_ID
from awe_incidents.api.idempotency import HEADER, MAX_LENGTH, REPLAYED
from awe_incidents.api.limits import POLICY, STATE
from awe_incidents.api.multipart import MEDIA_TYPE as FORM
from awe_incidents.api.preconditions import TAGS
from awe_incidents.api.problem_kinds import INVALID, MALFORMED, Kind
from awe_incidents.api.problems import BY_ERROR, BY_STATUS, MEDIA_TYPE, TYPE_PREFIX
from awe_incidents.audit.errors import AuditError
from awe_incidents.incidents.errors import StaleVersion
from awe_incidents.intake import BodyTooSlow

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": r"^[\x20-\x7e]+$"},
    location=OpenApiParameter.HEADER,
    description="Repeat a request with the same key and get the same answer; kept for 24 hours.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    {"type": "string"},
    location=OpenApiParameter.HEADER,
    description="The `ETag` of an earlier answer: 304 when it still holds.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    {"type": "string", "pattern": f"^({TAGS})$"},
    location=OpenApiParameter.HEADER,
    required=True,
    description="The `ETag` of what you decided on: 412 when somebody else has changed it in between.",
)
PATH_ID = OpenApiParameter("id", {"type": "integer", "minimum": 1, "maximum": MAX_ID}, location=OpenApiParameter.PATH)
_KEY_ERRORS = (errors.KeyReused, errors.KeyInProgress, errors.KeyMalformed)
_TAG_ERRORS = (errors.PreconditionRequired, errors.TagMalformed, StaleVersion)
_TEXT = {"schema": {"type": "string"}}
LIMIT_HEADERS = {
    POLICY: {**_TEXT, "description": "The limit that was asked: its name, `q` requests in `w` seconds."},
    STATE: {**_TEXT, "description": "What is left: `r` requests now, and one more after `t` seconds."},
}
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Leads to a page that explains it."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "in": {"type": "string", "enum": ["body", "query", "header"]},
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer (RFC 6901, as URI fragment) into that part of the request.",
                    },
                    "detail": {"type": "string"},
                },
                "required": ["in", "pointer", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance"],
}


class ProblemAutoSchema(AutoSchema):
    """Describes an operation with its parameters, its headers and every problem that it can answer with."""

    def get_tags(self) -> list[str]:
        """Group by the first part of the path after the version."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_override_parameters(self) -> list[Any]:
        """Add what the view declares once for reading and documenting."""
        given: list[Any] = list(super().get_override_parameters())
        given += [one for one in (getattr(self.view, "parameters", {}).get(self.method),) if one]
        given += [PATH_ID] if "{id}" in self.path else []
        given += [IF_NONE_MATCH] if self.method == "GET" else []
        given += [IDEMPOTENCY_KEY] if self._takes_keys() else []
        given += [IF_MATCH] if self._is_conditional() else []
        return given

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Add headers and problems to what the framework found."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            _describe_headers(operation["responses"], is_reading=self.method == "GET")
            if "requestBody" in operation:  # the framework leaves it out where several media types are taken
                taken = operation["requestBody"]["content"]
                operation["requestBody"].setdefault("required", len(taken) > 1 or FORM in taken)
            operation["responses"] |= self._problem_responses()
        return operation

    def _is_conditional(self) -> bool:
        return self.method in getattr(self.view, "conditional", ())

    def _takes_keys(self) -> bool:
        return self.method == "POST" and getattr(self.view, "creates_once", False)

    def _problem_responses(self) -> dict[str, Any]:
        by_status: dict[int, list[Kind]] = {}
        for kind in sorted(set(self._kinds()), key=lambda one: (one.status, one.slug)):
            by_status.setdefault(kind.status, []).append(kind)
        return {str(status): self._problem_response(status, kinds).ref for status, kinds in by_status.items()}

    def _problem_response(self, status: int, kinds: list[Kind]) -> ResolvedComponent:
        name = ".".join([str(status), *(kind.slug for kind in kinds)])
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=name, type=ResolvedComponent.RESPONSE, object=name, schema=_described(status, kinds)
        )
        self.registry.register_on_missing(component)
        return component

    def _kinds(self) -> Iterator[Kind]:
        yield BY_ERROR[errors.LimitExceeded]
        yield from (INVALID, *(BY_STATUS[status] for status in (401, 403, 406, 500, 503)))
        if "{" in self.path:
            yield BY_STATUS[404]
        if self.method != "GET":
            yield from (MALFORMED, BY_ERROR[BodyTooSlow], BY_STATUS[413], BY_STATUS[415], BY_ERROR[AuditError])
        if self._takes_keys():
            yield from (BY_ERROR[error] for error in _KEY_ERRORS)
        if self._is_conditional():
            yield from (BY_ERROR[error] for error in _TAG_ERRORS)
        yield from (BY_ERROR[error] for error in getattr(self.view, "refusals", {}).get(self.method, ()))


def _describe_headers(responses: dict[str, Any], *, is_reading: bool) -> None:
    for status, response in responses.items():
        response["headers"] = dict(LIMIT_HEADERS)
        if status == "200" and is_reading:
            response["headers"] |= {"ETag": {**_TEXT, "required": True, "description": "Changes with the answer."}}
        if status == "201":
            location = {"schema": {"type": "string", "format": "uri"}, "required": True}
            replayed = {"schema": {"const": "true"}, "description": "The answer to an earlier request with this key."}
            response["headers"] |= {"Location": location, REPLAYED: replayed}
    if "200" in responses and is_reading:
        responses["304"] = {"description": "Nothing has changed.", "headers": {"ETag": {**_TEXT, "required": True}}}


def _described(status: int, kinds: list[Kind]) -> dict[str, Any]:
    told = "; ".join(f"{kind.title} (`{TYPE_PREFIX}{kind.slug}/`)" for kind in kinds)
    names = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    headers: dict[str, Any] = {names[status]: {**_TEXT, "required": True}} if status in names else {}
    return {
        "description": f"{told}.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        **({"headers": headers | (LIMIT_HEADERS if status == 429 else {})} if headers else {}),
    }


class StrictFields(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Says of requests that fields which nobody knows are refused, and how many there must be at least."""

    target_class = "awe_incidents.api.fields.Fields"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """Close the object."""
        mapped = auto_schema._map_serializer
        found: dict[str, Any] = mapped(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        least = {"minProperties": self.target.least} if self.target.least else {}
        return {**found, **least, "additionalProperties": False}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer tokens in the schema."""

    target_class = "awe_incidents.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "awe_<prefix>_<secret>"}


def add_problem(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the schema that the problem answers refer to (a post-processing hook of drf-spectacular)."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    return result
