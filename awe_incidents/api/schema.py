"""The OpenAPI 3.1 schema: what drf-spectacular cannot see by itself (problems, tokens, Idempotency-Key)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from awe_incidents.api.problems import MEDIA_TYPE

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x20-\x7e]+$"},
    location=OpenApiParameter.HEADER,
    description="Repeat a request with the same key and get the same answer; kept for 24 hours.",
)
EVERY_METHOD = ("400", "401", "403", "404", "405", "406", "500", "503")
WITH_BODY = ("409", "412", "413", "415", "422")
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901) into the request, with #."},
                    "detail": {"type": "string"},
                },
                "required": ["pointer", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance"],
}


class ProblemAutoSchema(AutoSchema):
    """Gives operations their resource's name as tag."""

    def get_tags(self) -> list[str]:
        """Group by the first part of the path after the version."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer tokens in the schema."""

    target_class = "awe_incidents.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "awe_<prefix>_<secret>"}


def document_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the problem answers to every operation (a post-processing hook of drf-spectacular)."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "A problem, in plain words.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path in result["paths"].values():
        for method, operation in path.items():
            statuses = EVERY_METHOD + (WITH_BODY if method in {"post", "put", "patch", "delete"} else ())
            for status in statuses:
                operation["responses"].setdefault(status, answer)
    return result
