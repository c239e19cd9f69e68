"""Fields of the forms of steps, with the desk's looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

_FIELD = "desk-input"


def text_field(*, label: str, rows: int = 1, **kwargs: Any) -> forms.CharField:
    """Give a field for words."""
    attributes = {"class": _FIELD, "rows": rows}
    widget = forms.Textarea(attributes) if rows > 1 else forms.TextInput({"class": _FIELD})
    return forms.CharField(label=label, widget=widget, **kwargs)


def secret_field(*, label: str, autocomplete: str = "off", **kwargs: Any) -> forms.CharField:
    """Give a field for a secret: hidden while it is typed, and never sent back."""
    widget = forms.PasswordInput({"class": _FIELD, "autocomplete": autocomplete}, render_value=False)
    return forms.CharField(label=label, widget=widget, **kwargs)


def choice_field(*, label: str, choices: Sequence[tuple[str, str]], **kwargs: Any) -> forms.ChoiceField:
    """Give a field for one of several."""
    return forms.ChoiceField(label=label, choices=choices, widget=forms.Select({"class": _FIELD}), **kwargs)


def choices_field(*, label: str, choices: Sequence[tuple[str, str]], **kwargs: Any) -> forms.MultipleChoiceField:
    """Give a field for some of several."""
    return forms.MultipleChoiceField(
        label=label, choices=choices, widget=forms.CheckboxSelectMultiple({"class": "desk-choice"}), **kwargs
    )


def number_field(*, label: str, **kwargs: Any) -> forms.IntegerField:
    """Give a field for a whole number."""
    return forms.IntegerField(label=label, widget=forms.NumberInput({"class": _FIELD}), **kwargs)


def yes_field(*, label: str, **kwargs: Any) -> forms.BooleanField:
    """Give a field that is ticked or not."""
    return forms.BooleanField(label=label, required=False, widget=forms.CheckboxInput({"class": "desk-tick"}), **kwargs)


def clock_field(*, label: str, **kwargs: Any) -> forms.TimeField:
    """Give a field for a time of the day in UTC, to the minute."""
    widget = forms.TimeInput({"class": _FIELD, "type": "time"}, "%H:%M")
    return forms.TimeField(label=label, widget=widget, **kwargs)


def moment_field(*, label: str, required: bool = False, **kwargs: Any) -> forms.DateTimeField:
    """Give a field for a time in UTC."""
    attributes = {"class": _FIELD, "type": "datetime-local", "step": "1"}
    widget = forms.DateTimeInput(attributes, "%Y-%m-%dT%H:%M:%S")
    return forms.DateTimeField(label=label, required=required, widget=widget, **kwargs)
