"""Typed parameters of an action: a frozen dataclass is the one truth, its JSON Schema is made from it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from jsonschema import Draft202012Validator

from awe_incidents.recovery.errors import ParametersInvalid

MAX_NUMBER = 2**53 - 1  # canonical JSON has no greater ones
# What neither PostgreSQL nor UTF-8 can hold, and control characters: no name has any, and `$` lets a line end pass.
UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
TYPES: Mapping[Any, Mapping[str, Any]] = {
    str: {"type": "string", "minLength": 1, "maxLength": 500},
    int: {"type": "integer", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER},
    bool: {"type": "boolean"},
    tuple[int, ...]: {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "maxItems": 100},
    tuple[str, ...]: {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 500},
        "uniqueItems": True,
        "maxItems": 100,
    },
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameters:
    """Base of an action's parameters; secrets come as references only (`env:`, `file:`, `db:`)."""


P = TypeVar("P", bound=Parameters)


def parameter(description: str, *, default: Any = dataclasses.MISSING, **schema: Any) -> Any:
    """Describe a parameter; `schema` narrows what its type allows."""
    metadata = {"schema": {**schema, "description": description}}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def schema_of(kind: type[Parameters]) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of an action's parameters."""
    hints = get_type_hints(kind)
    properties: dict[str, Any] = {}
    for one in dataclasses.fields(kind):
        properties[one.name] = {**TYPES[hints[one.name]], **one.metadata["schema"]}
        if one.default is not dataclasses.MISSING:
            properties[one.name]["default"] = list(one.default) if isinstance(one.default, tuple) else one.default
    required = [one.name for one in dataclasses.fields(kind) if one.default is dataclasses.MISSING]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def read_parameters(kind: type[P], document: Any) -> P:
    """Give parameters in typed form.

    Raises: ParametersInvalid.
    """
    errors = sorted(Draft202012Validator(schema_of(kind)).iter_errors(document), key=lambda one: str(one.json_path))
    if errors:
        raise ParametersInvalid([("/".join(map(str, one.absolute_path)), one.message[:200]) for one in errors[:20]])
    if unfit := [name for name, value in document.items() if UNFIT.search(_text(value))]:
        raise ParametersInvalid(
            [(name, "This holds control characters, or others that no text can hold.") for name in unfit]
        )
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}
    return kind(**values)


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def as_document(parameters: Parameters) -> dict[str, Any]:
    """Give parameters as JSON, with what was left out at its default."""
    return {
        one.name: list(value) if isinstance(value := getattr(parameters, one.name), tuple) else value
        for one in dataclasses.fields(parameters)
    }
