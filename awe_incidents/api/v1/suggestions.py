"""What the service suggests for an incident, as its answers show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from awe_incidents.api.choices import CATEGORIES, SEVERITIES
from awe_incidents.api.kept import represent
from awe_incidents.api.v1.links import link
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.suggestions import suggestion_for


class SuggestedAction(serializers.Serializer[Any]):
    """Something that can be done about it, and where it stands how."""

    action = serializers.CharField(help_text="A recovery action, by slug.")
    how_to = serializers.CharField(help_text="The page that tells what to do, below docs/.")


class SuggestionSerializer(serializers.Serializer[Any]):
    """What the likeliest cause that a run found suggests; it never takes the place of what a person said."""

    run = serializers.IntegerField(min_value=1, help_text="The run that found it; accepting names it.")
    run_url = serializers.URLField()
    cause = serializers.CharField()
    title = serializers.CharField()
    sentence = serializers.CharField(help_text="Why: what is wrong, in plain words.")
    severity = serializers.ChoiceField(choices=SEVERITIES)
    category = serializers.ChoiceField(choices=CATEGORIES)
    actions = SuggestedAction(many=True)
    how_to = serializers.CharField(help_text="The page that tells what to do, below docs/.")
    steps = serializers.ListField(child=serializers.CharField(), help_text="What that page says to do, in order.")
    suggested_at = serializers.DateTimeField()
    differs = serializers.BooleanField(help_text="The incident says something else, as a person wants it.")
    is_accepted = serializers.BooleanField(help_text="A person says all of it.")


def shown_suggestion(incident: Incident, request: Request) -> Mapping[str, Any] | None:
    """Give what is suggested for an incident; None while no run has found a cause."""
    suggestion = suggestion_for(incident)
    if suggestion is None:
        return None
    actions = [{"action": slug, "how_to": suggestion.steps_at} for slug in suggestion.actions]
    shown = {**asdict(suggestion), "actions": actions, "run_url": link(request, "run", id=suggestion.run)}
    return represent(SuggestionSerializer, shown)
