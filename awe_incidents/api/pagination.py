"""Pages by cursor: stable while rows are added, and as fast on page 10,000 as on page 1."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from awe_incidents.api.fields import MAX_ID
from awe_incidents.api.parameters import MAX_PAGE_SIZE, PAGE_SIZE
from awe_incidents.api.problems import InvalidFields


class NewestFirst(CursorPagination):
    """Newest rows first, by id."""

    ordering = "-id"
    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    def get_page_size(self, request: Request) -> int:
        """Give what was asked for, within its bounds."""
        size: int = request.parser_context["view"].asked["page_size"]
        return size

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Read the cursor; it holds an id and a direction, so every other position was made up.

        Raises: InvalidFields.
        """
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            raise _bad_cursor() from None
        if cursor is None or cursor.position is None:
            return cursor
        position = str(cursor.position)
        if not (position.isascii() and position.isdecimal() and int(position[:20]) <= MAX_ID):
            raise _bad_cursor()
        return cursor

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page; all of its members are always there."""
        page: dict[str, Any] = super().get_paginated_response_schema(schema)
        return page | {"required": ["next", "previous", "results"]}


class OldestFirst(NewestFirst):
    """Oldest rows first, for histories: in the order of recording, which later entries do not change."""

    ordering = "id"


def _bad_cursor() -> InvalidFields:
    return InvalidFields(
        [("cursor", "This is no cursor; take one from `next` or `previous` of a page.")], place="query"
    )
