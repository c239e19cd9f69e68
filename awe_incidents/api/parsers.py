"""Bodies: JSON without surprises, and the documented Markdown template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from awe_incidents.header_parameters import CHARSETS, OTHER_CHARSET, UnreadableHeader, header_parameters
from awe_incidents.incidents import template

MAX_DIGITS = 100
_BYTE_ORDER_MARK = "\ufeff"


class StrictJsonParser(BaseParser):
    """JSON by RFC 8259: UTF-8, no NaN, no duplicate keys."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Give the parsed body.

        Raises: ParseError, saying where; UnsupportedMediaType.
        """
        text = _text(stream, media_type).removeprefix(_BYTE_ORDER_MARK)
        try:
            return json.loads(text, parse_constant=_refuse_constant, parse_int=_integer, object_pairs_hook=_unique)
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

        Raises: TemplateError, ParseError, UnsupportedMediaType.
        """
        fields = asdict(template.parse(_text(stream, media_type)))
        view = (parser_context or {}).get("view")
        stack = view.asked.get("stack") if view else None
        return fields if stack is None else {**fields, "stack": stack}


def _text(stream: IO[Any], media_type: str | None) -> str:
    try:
        charset = header_parameters(media_type or "")[1].get("charset", "utf-8")
    except UnreadableHeader as error:
        raise UnsupportedMediaType("", detail=f"the header Content-Type: {error}") from None
    if charset.lower() not in CHARSETS:
        raise UnsupportedMediaType(media_type or "", detail=OTHER_CHARSET)
    data: bytes = stream.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(
            f"the body is not UTF-8 text (byte {error.start}); save it as UTF-8 and send it again"
        ) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
