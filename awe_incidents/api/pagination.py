"""Pages by cursor: stable while rows are added, and as fast on page 10,000 as on page 1."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from awe_incidents.api.parameters import MAX_PAGE_SIZE, PAGE_SIZE


class NewestFirst(CursorPagination):
    """Newest rows first, by id.

    A cursor is the id of the row that a page starts behind, with a minus where the page lies before it. Ids are
    unique, so the framework's offset among equals is never needed.
    """

    ordering = "-id"
    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    def get_page_size(self, request: Request) -> int:
        """Give what was asked for, within its bounds."""
        size: int = request.parser_context["view"].asked["page_size"]
        return size

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Read the cursor, whose form is known to be right."""
        text: str | None = request.parser_context["view"].asked.get("cursor")
        if text is None:
            return None
        return Cursor(offset=0, reverse=text.startswith("-"), position=int(text.removeprefix("-")))

    def encode_cursor(self, cursor: Cursor) -> str:
        """Give the address of the page at a cursor."""
        text = f"{'-' if cursor.reverse else ''}{cursor.position}"
        return str(replace_query_param(str(self.base_url), self.cursor_query_param, text))

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page; all of its members are always there."""
        page: dict[str, Any] = super().get_paginated_response_schema(schema)
        return page | {"required": ["next", "previous", "results"]}


class FoundPages(NewestFirst):
    """Pages whose rows a subclass finds itself, one more than a page has, in the direction of the cursor."""

    page: list[Any]

    def page_of(self, found: list[Any], *, size: int) -> list[Any]:
        """Make what was found the page, and remember whether it goes on at both of its ends."""
        is_reversed = bool(self.cursor and self.cursor.reverse)
        page, goes_on = found[:size], len(found) > size
        self.page = page[::-1] if is_reversed else page
        self.has_next = True if is_reversed else goes_on
        self.has_previous = goes_on if is_reversed else self.cursor is not None
        return self.page

    def get_next_link(self) -> str | None:
        """Give the address of the page behind this one."""
        last = self.page[-1].pk if self.page else self.cursor.position if self.cursor else None
        return self.encode_cursor(Cursor(0, False, last)) if self.has_next else None

    def get_previous_link(self) -> str | None:
        """Give the address of the page before this one."""
        first = self.page[0].pk if self.page else self.cursor.position if self.cursor else None
        return self.encode_cursor(Cursor(0, True, first)) if self.has_previous else None


class OldestFirst(NewestFirst):
    """Oldest rows first, for histories: in the order of recording, which later entries do not change."""

    ordering = "id"
