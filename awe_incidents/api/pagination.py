"""Pages by cursor: stable while rows are added, and as fast on page 10,000 as on page 1."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Newest rows first, by id."""

    ordering = "-id"
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100


class OldestFirst(NewestFirst):
    """Oldest rows first, for histories."""

    ordering = "id"
