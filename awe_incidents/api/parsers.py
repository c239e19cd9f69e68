"""Bodies: JSON without surprises, and the documented Markdown template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from awe_incidents.api.problems import InvalidFields
from awe_incidents.incidents import template

MAX_NESTING = 64


class StrictJsonParser(BaseParser):
    """JSON by RFC 8259: UTF-8, no NaN, no duplicate keys."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Give the parsed body.

        Raises: ParseError, saying where.
        """
        text = _text(stream)
        try:
            return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except RecursionError:
            raise ParseError("the JSON is nested too deeply") from None
        except ValueError as error:
            raise ParseError(f"the body is not valid JSON: {error}") from None


class MarkdownTemplateParser(BaseParser):
    """The bug report template itself, as text/markdown."""

    media_type = "text/markdown"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Give the seven fields; the stack comes as query parameter, since the template has no such field.

        Raises: InvalidFields, ParseError.
        """
        try:
            fields = asdict(template.parse(_text(stream)))
        except template.TemplateError as error:
            raise InvalidFields(
                [(f"#/{field}" if field else "#", message) for field, message in error.problems]
            ) from None
        view = (parser_context or {}).get("view")
        stack = view.request.query_params.get("stack", "") if view else ""
        return fields | ({"stack": stack} if stack else {})


def _text(stream: IO[Any]) -> str:
    data: bytes = stream.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(
            f"the body is not UTF-8 text (byte {error.start}); save it as UTF-8 and send it again"
        ) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
