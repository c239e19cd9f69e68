"""What a list of incidents can be asked for, and its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from awe_incidents.api.choices import CATEGORIES, INCIDENT_STATES, SEVERITIES
from awe_incidents.api.fields import SAYS_SOMETHING, Choice, Moment, Text
from awe_incidents.api.pagination import FoundPages
from awe_incidents.api.parameters import PageParameters
from awe_incidents.incidents.searching import Stretch, Wanted, listed_incidents
from awe_incidents.incidents.vectors import query_of_search

MAX_SEARCHED = 200  # characters


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": MAX_SEARCHED, "pattern": SAYS_SOMETHING})
class Words(Text):
    """What to search for: words that bug reports and titles must all have."""

    default_error_messages = {"common": "No word of this can be searched for; name one that says something."}

    def to_internal_value(self, data: Any) -> str:
        """Demand a word that is searched for."""
        text = super().to_internal_value(data)
        return text if query_of_search(text) else self.fail("common")


class IncidentParameters(PageParameters):
    """Which incidents."""

    q = Words(
        required=False,
        max_length=MAX_SEARCHED,
        help_text="Words that all stand in one bug report, or in the title of an incident that has none; of three "
        "letters or more with a `*` behind, their beginnings. Reporters search their own reports.",
    )
    stack = Text(required=False, max_length=63)
    state = Choice(required=False, choices=INCIDENT_STATES)
    severity = Choice(required=False, choices=SEVERITIES)
    category = Choice(required=False, choices=CATEGORIES)
    opened_after = Moment(required=False, help_text="Opened at this time or later.")
    opened_before = Moment(required=False, help_text="Opened before this time.")

    def validate(self, attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Demand a time span."""
        after, before = attrs.get("opened_after"), attrs.get("opened_before")
        if after and before and after >= before:
            raise serializers.ValidationError({"opened_before": "This is not after opened_after."})
        return attrs


class IncidentPages(FoundPages):
    """Pages in the order of opening; a cursor is the number of the incident that a page lies behind, or before."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Give one page; what is listed is asked for directly, since no queryset says how to search."""
        self.request, self.base_url = request, request.build_absolute_uri()
        self.cursor = self.decode_cursor(request)
        size, asked = self.get_page_size(request), view.asked
        start, is_reversed = (self.cursor.position, self.cursor.reverse) if self.cursor else (None, False)
        wanted = Wanted(**{name: asked[name] for name in Wanted.__slots__ if name in asked})
        found = listed_incidents(view.person, wanted, Stretch(size + 1, start, is_reversed))
        return self.page_of(found, size=size)
