"""Views of one bug report, which may have been there once."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from awe_incidents.api.views import ScopedView
from awe_incidents.incidents.models import BugReport
from awe_incidents.incidents.queries import check_not_removed, visible_reports


class OfReport(ScopedView):
    """Finds the report of the address, and tells of one that is gone for good."""

    def get_queryset(self) -> QuerySet[BugReport]:
        """Start from what the caller may see."""
        return visible_reports(self.person).select_related("prefill")

    def get_object(self) -> Any:
        """Give the report.

        Raises: Http404, RemovedByRetention.
        """
        try:
            return super().get_object()
        except Http404:
            check_not_removed(self.kwargs["id"], self.person)
            raise
