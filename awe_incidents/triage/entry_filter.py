"""What the list of entries can be narrowed down to, as its form and as addresses that others link to."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import RegexValidator
from django.db import models

from awe_incidents.audit.listing import Wanted
from awe_incidents.audit.models import Entry
from awe_incidents.triage.facts import list_address
from awe_incidents.triage.fields import moment_field, number_field, text_field

MAX_ID = 2**63 - 1
MAX_WORD = 64
_VERB = RegexValidator(re.compile(r"[a-z_]+:[a-z_]*\Z"), "A verb is subject:action; incident: finds all of incidents.")
_SUBJECT = RegexValidator(re.compile(r"[a-z_]+(:.*)?\Z", re.S), "A subject is a kind, or a kind and id: incident:5.")


class EntryFilter(forms.Form):
    """The filters, and where a page begins."""

    subject = text_field(label="Subject", required=False, max_length=2 * MAX_WORD + 1, validators=[_SUBJECT])
    actor = text_field(label="Actor", required=False, max_length=MAX_WORD)
    verb = text_field(label="Verb", required=False, max_length=MAX_WORD, validators=[_VERB])
    incident = number_field(label="Incident", required=False, min_value=1, max_value=MAX_ID)
    since = moment_field(label="From (UTC)")
    until = moment_field(label="Until before (UTC)")
    older_than = forms.IntegerField(required=False, min_value=0, max_value=MAX_ID, widget=forms.HiddenInput)
    newer_than = forms.IntegerField(required=False, min_value=0, max_value=MAX_ID, widget=forms.HiddenInput)

    HINTS = ("subject", "incident:5"), ("actor", "user:3"), ("verb", "incident:opened"), ("incident", "5")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, hint in self.HINTS:
            self.fields[name].widget.attrs["placeholder"] = hint

    def clean(self) -> dict[str, Any]:
        """Demand that a span of time has a length."""
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since >= until:
            self.add_error("until", "This is not after the start.")
        return cleaned

    def wanted(self) -> Wanted:
        """Give what was asked for."""
        asked = self.cleaned_data
        kind, _, key = asked["subject"].partition(":")
        return Wanted(
            subject_type=kind,
            subject_id=key,
            actor=asked["actor"],
            verb=asked["verb"],
            incident=asked["incident"],
            since=asked["since"],
            until=asked["until"],
        )

    def is_of_incident_alone(self) -> bool:
        """Say whether everything of one incident is shown, within a span of time at most."""
        asked = self.cleaned_data
        return bool(asked["incident"]) and not any(asked[name] for name in ("subject", "actor", "verb"))

    def shown_fields(self) -> list[forms.BoundField]:
        """Give the fields that people fill in."""
        return self.visible_fields()

    def address(self, **cursor: int) -> str:
        """Give the address of another page of the same list."""
        names = [field.name for field in self.visible_fields()]
        kept = {name: self.data[name] for name in names if self.data.get(name)}
        return list_address(Entry, urlencode({**kept, **cursor}))


def trail_address(**narrowed: str | int) -> str:
    """Give the address of a part of the trail: `subject="incident:5"`, `actor=`, `verb=` or `incident=`."""
    return list_address(Entry, urlencode(narrowed))


def subject_of(thing: models.Model) -> str:
    """Give what a row is called as the subject of entries."""
    return f"{thing._meta.model_name}:{thing.pk}"
