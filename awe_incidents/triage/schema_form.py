"""A form made from the JSON Schema of an action's parameters, and the document that was filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from awe_incidents.triage.fields import choice_field, number_field, text_field, yes_field

PREFIX = "with-"  # so that no parameter is taken for another field of the page
MAX_LIST_CHARACTERS = 60_000
_LIST_HINT = " One a line."

Schema = Mapping[str, Any]
Known = Mapping[str, Sequence[str]]  # values that are known for a parameter of this name


def fields_of(schema: Schema, *, known: Known) -> dict[str, forms.Field]:
    """Give a field for each parameter, by its name with the prefix."""
    required = set(schema.get("required", ()))
    return {
        f"{PREFIX}{name}": _field(name, one, required=name in required, known=known.get(name, ()))
        for name, one in schema["properties"].items()
    }


def _field(name: str, schema: Schema, *, required: bool, known: Sequence[str]) -> forms.Field:
    words: dict[str, Any] = {
        "label": name.replace("_", " ").capitalize(),
        "help_text": schema.get("description", ""),
        "initial": schema.get("default"),
    }
    kind = schema.get("type")
    if kind == "boolean":
        return yes_field(**words)
    if kind == "integer":
        words |= {"min_value": schema.get("minimum"), "max_value": schema.get("maximum")}
        return number_field(required=required, **words)
    if kind == "array":
        words |= {"help_text": words["help_text"] + _LIST_HINT, "initial": "\n".join(map(str, words["initial"] or ()))}
        return text_field(rows=3, required=required, max_length=MAX_LIST_CHARACTERS, **words)
    if values := schema.get("enum", known):
        return choice_field(required=required, choices=_choices(values, required=required), **words)
    return text_field(required=required, max_length=schema.get("maxLength", 500), **words)


def _choices(values: Sequence[str], *, required: bool) -> list[tuple[str, str]]:
    first = [] if required and len(values) == 1 else [("", "choose" if required else "as usual")]
    return [*first, *((str(value), str(value)) for value in values)]


def document_of(schema: Schema, cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters as JSON; what was left empty is left out, so that its default holds."""
    document: dict[str, Any] = {}
    for name, one in schema["properties"].items():
        value = cleaned.get(f"{PREFIX}{name}")
        if one.get("type") == "array":
            lines = [line.strip() for line in str(value or "").splitlines() if line.strip()]
            value = [_number(line) for line in lines] if one["items"].get("type") == "integer" else lines
        if value not in (None, "", []):
            document[name] = value
    return document


def data_of(schema: Schema, document: Mapping[str, Any]) -> dict[str, str]:
    """Give parameters as the form's data has them: for an address that opens the form filled in."""
    shown: dict[str, str] = {}
    for name in schema["properties"]:
        if name in document:
            value = document[name]
            text = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
            shown[f"{PREFIX}{name}"] = {"True": "on", "False": ""}.get(text, text)
    return shown


def _number(text: str) -> int | str:
    """Give a whole number; what is none stays a text, which the schema refuses with its words."""
    try:
        return int(text)
    except ValueError:
        return text
