"""What a list of audit entries can be asked for, and its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from awe_incidents.api.choices import ORDERS
from awe_incidents.api.fields import MAX_ID, Choice, Moment, Text, WholeNumber
from awe_incidents.api.pagination import FoundPages
from awe_incidents.api.parameters import PageParameters
from awe_incidents.audit.listing import behind
from awe_incidents.audit.queries import entries_with_verb

MAX_WORD = 64  # characters of a search column
VERB = r"^[a-z_]+:[a-z_]*$"
_COLUMNS = {
    "subject_type": "subject_type",
    "subject_id": "subject_id",
    "actor": "actor",
    "incident": "incident_id",
    "occurred_after": "occurred_at__gte",
    "occurred_before": "occurred_at__lt",
}
_TIMES = ("occurred_after", "occurred_before")


@extend_schema_field({"type": "string", "pattern": VERB, "maxLength": MAX_WORD})
class Verb(serializers.RegexField):
    """What was done, or to what kind of subject anything was done."""

    default_error_messages = {
        "invalid": "A verb is subject:action, such as incident:opened; incident: finds all that was done to one.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(VERB, max_length=MAX_WORD, **kwargs)


class EntryParameters(PageParameters):
    """Which entries."""

    order = Choice(required=False, choices=ORDERS, default="newest", help_text="Which come first.")
    subject_type = Text(required=False, max_length=MAX_WORD, help_text="Such as `incident` or `bugreport`.")
    subject_id = Text(required=False, max_length=MAX_WORD, help_text="With `subject_type`.")
    actor = Text(required=False, max_length=MAX_WORD, help_text="Such as `user:3` or `service:worker`.")
    verb = Verb(required=False, help_text="Such as `incident:opened`, or `incident:` for all verbs of a subject.")
    incident = WholeNumber(required=False, min_value=1, max_value=MAX_ID)
    occurred_after = Moment(required=False, help_text="Happened at this time or later.")
    occurred_before = Moment(required=False, help_text="Happened before this time.")

    def validate(self, attrs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Demand a time span, and the kind of a subject beside its id."""
        after, before = attrs.get("occurred_after"), attrs.get("occurred_before")
        if after and before and after >= before:
            raise serializers.ValidationError({"occurred_before": "This is not after occurred_after."})
        if "subject_id" in attrs and "subject_type" not in attrs:
            raise serializers.ValidationError({"subject_id": "Say with subject_type of what kind the subject is."})
        return attrs


class EntryPages(FoundPages):
    """Pages in the order of recording, or where a time span is asked for, in the order of time.

    Each of both orders has an index; a list by one of them that is filtered by the other may read all entries for a
    page. A cursor is the number of the entry that a page lies behind, or before.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Give one page."""
        self.base_url = request.build_absolute_uri()
        asked, size = view.asked, self.get_page_size(request)
        self.cursor = self.decode_cursor(request)
        is_reversed = bool(self.cursor and self.cursor.reverse)
        is_down = (asked["order"] == "newest") != is_reversed
        columns = ["occurred_at", "id"] if any(name in asked for name in _TIMES) else ["id"]
        rows = _wanted(queryset, asked).order_by(*(f"-{name}" if is_down else name for name in columns))
        if self.cursor:
            rows = rows.filter(behind(int(self.cursor.position or 0), columns, is_down=is_down))
        return self.page_of(list(rows[: size + 1]), size=size)


def _wanted(entries: Any, asked: Mapping[str, Any]) -> Any:
    entries = entries.filter(**{column: asked[name] for name, column in _COLUMNS.items() if name in asked})
    return entries_with_verb(entries, asked["verb"]) if "verb" in asked else entries
