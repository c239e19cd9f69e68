"""Fields of requests, strict about types: JSON text is text and a number is a number, as the schema says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.validators import ProhibitNullCharactersValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from awe_incidents.incidents.template import normalize
from diagnostics.errors import UnknownStack
from diagnostics.models import Stack
from diagnostics.queries import stack_named
from diagnostics.stack.schema import ENVIRONMENTS, NAME

MAX_ID = 2**63 - 1
# For text that is not blank; unlike a schema, Python takes the information separators and NEL for blanks too.
SAYS_SOMETHING = r"[^\s\u001c-\u001f\u0085]"
_SHOWN_NAMES, _SHOWN_CHARACTERS = 20, 100
# What they refuse, normalizing has taken out; one of them looks at every character of a log.
NEEDLESS = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
_DIGITS = re.compile(r"[0-9]{1,19}")


class Text(serializers.CharField):
    """Text in its storable form: LF line ends, U+FFFD where PostgreSQL or UTF-8 can hold no character.

    Normalizing comes before the limits, so that JSON and Markdown reach the same verdict on the same report.
    """

    default_error_messages = {"blank": "Say something here.", "invalid": "This is no text."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})
        self.validators = [one for one in self.validators if not isinstance(one, NEEDLESS)]

    def to_internal_value(self, data: Any) -> str:
        """Take text only: the framework would make text of numbers."""
        if not isinstance(data, str):
            self.fail("invalid")
        text = normalize(data)
        if not self.allow_blank and not text.strip():
            self.fail("blank")
        return text.strip() if self.trim_whitespace else text


class Environment(Text):
    """One of the three environments, in any case."""

    def to_internal_value(self, data: Any) -> str:
        """Give its documented spelling."""
        wanted = super().to_internal_value(data).strip()
        for name in ("", *ENVIRONMENTS) if self.allow_blank else ENVIRONMENTS:
            if name.lower() == wanted.lower():
                return name
        raise serializers.ValidationError(f"must be one of {', '.join(ENVIRONMENTS)}")


class WholeNumber(serializers.IntegerField):
    """A whole number; in a query or form its digits, in JSON a number and no text."""

    def to_internal_value(self, data: Any) -> int:
        """Take what the schema calls an integer."""
        if isinstance(data, str):
            if self.context.get("place") not in {"query", "form"} or not _DIGITS.fullmatch(data):
                self.fail("invalid")
            return int(data)
        if isinstance(data, float) and data.is_integer():
            return int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """True or false; in a query or form the words, in JSON no other value: the framework would take "on" and 1, too."""

    default_error_messages = {"invalid": "This is neither true nor false."}

    def to_internal_value(self, data: Any) -> bool:
        """Take what the schema calls a boolean."""
        words = {"true": True, "false": False} if self.context.get("place") in {"query", "form"} else {}
        if isinstance(data, str) and data in words:
            return words[data]
        return data if isinstance(data, bool) else self.fail("invalid")


class Moment(serializers.DateTimeField):
    """A time by RFC 3339; without an offset it is UTC."""

    default_error_messages = {
        "invalid": "This is no time of the form 2026-11-25T08:30:00Z; in an address a + is written %2B.",
    }

    def to_internal_value(self, value: Any) -> Any:
        """Take a text only, and of digits only those of RFC 3339; the framework takes those of any script."""
        is_text = isinstance(value, str) and value.isascii()
        return super().to_internal_value(value) if is_text else self.fail("invalid")


class Choice(serializers.ChoiceField):
    """One of several words; the framework would make text of other types first."""

    def to_internal_value(self, data: Any) -> Any:
        """Take a known word."""
        return super().to_internal_value(data if isinstance(data, str) else f"of type {type(data).__name__}")


@extend_schema_field(
    {**NAME, "maxLength": 63, "minLength": 1, "description": "Name of a stack, see GET /api/v1/stacks/."}
)
class StackNamed(Text):
    """A stack by its name."""

    default_error_messages = {
        "required": "Name the stack: field `stack` in JSON or a form, query parameter `stack` beside Markdown.",
        "unknown": "There is no stack of this name; GET /api/v1/stacks/ lists them.",
    }

    def to_internal_value(self, data: Any) -> Stack:  # type: ignore[override]
        """Find it; a text that is no name at all costs no query."""
        name = super().to_internal_value(data)
        if not re.fullmatch(NAME["pattern"], name):
            self.fail("unknown")
        try:
            return stack_named(name)
        except UnknownStack:
            return self.fail("unknown")


class Fields(serializers.Serializer[Any]):
    """Fields of a request; one that nobody knows is refused, for a misspelled one would be lost in silence."""

    unknown = "There is no such field; known are {known}."
    none_known = "There is no such field; none is taken here."
    least: ClassVar[int] = 0  # so many of the fields there must be, whichever; told in the schema

    def to_internal_value(self, data: Any) -> Any:
        """Check what is known, and name everything that is wrong."""
        problems: dict[str, Any] = {}
        values = None
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(data, Mapping) or not isinstance(error.detail, dict):
                raise
            problems |= error.detail
        problems |= {name: [self._advice()] for name in self._unknown_in(data)}
        if problems:
            raise serializers.ValidationError(problems)
        return values

    def _unknown_in(self, data: Mapping[str, Any]) -> list[str]:
        unknown = [name[:_SHOWN_CHARACTERS] for name in data if name not in self.fields]
        return unknown[:_SHOWN_NAMES]  # the answer must not grow with the nonsense in the request

    def _advice(self) -> str:
        return self.unknown.format(known=", ".join(self.fields)) if self.fields else self.none_known
