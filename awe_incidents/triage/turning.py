"""Lists that are turned page by page, by id: nothing is counted, and the last page costs what the first one does."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from awe_incidents.triage.access import person_of
from awe_incidents.triage.base import DeskAdmin
from awe_incidents.triage.facts import list_address

MAX_ID = 2**63 - 1
PAGE = 50


class TurningForm(forms.Form):
    """Filters, which a subclass adds, and where a page begins."""

    older_than = forms.IntegerField(required=False, min_value=0, max_value=MAX_ID, widget=forms.HiddenInput)
    newer_than = forms.IntegerField(required=False, min_value=0, max_value=MAX_ID, widget=forms.HiddenInput)

    def columns(self) -> Mapping[str, Any]:
        """Give what rows are filtered by."""
        names = [field.name for field in self.visible_fields()]
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name] not in ("", None)}

    def kept(self) -> dict[str, str]:
        """Give what was asked for, as parameters of an address."""
        names = [field.name for field in self.visible_fields()]
        return {name: self.data[name] for name in names if self.data.get(name)}


@dataclass(frozen=True, slots=True)
class Turned:
    """A page of rows, newest first, and the parameters of the pages before and behind it; None where there is none."""

    rows: list[Any]
    newer: Mapping[str, Any] | None = None
    older: Mapping[str, Any] | None = None


def id_of(model: type[Model], **named: str) -> int:
    """Give the id of the row with this name, or 0, which none has: by an id rows come in the order of an index."""
    found: int | None = model._default_manager.filter(**named).values_list("pk", flat=True).first()
    return found or 0


def turned(rows: QuerySet[Any], *, older_than: int | None = None, newer_than: int | None = None) -> Turned:
    """Give the newest rows, or those next to one that was shown."""
    down = rows.order_by("-pk")
    if newer_than is not None:
        found = list(rows.filter(pk__gt=newer_than).order_by("pk")[: PAGE + 1])
        if len(found) > PAGE:  # else it is the first page, and shown whole
            page = found[PAGE - 1 :: -1]
            return Turned(page, {"newer_than": page[0].pk}, {"older_than": page[-1].pk})
    elif older_than is not None:
        down = down.filter(pk__lt=older_than)
    found = list(down[: PAGE + 1])
    page, is_first = found[:PAGE], older_than is None
    return Turned(
        page,
        {"newer_than": page[0].pk} if page and not is_first else None,
        {"older_than": page[-1].pk} if found[PAGE:] else None,
    )


class TurningAdmin(DeskAdmin):
    """Rows of one kind whose list is turned by id."""

    filters: ClassVar[type[TurningForm]]
    list_template: ClassVar[str]

    @abstractmethod
    def lines(self, rows: list[Any], request: HttpRequest) -> list[Any]:
        """Give what the list shows of each row."""

    def beside(self, form: TurningForm, request: HttpRequest) -> Mapping[str, Any]:
        """Give what else the list's template shows; `form` is valid."""
        return {}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show a page of rows."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        form = self.filters(request.GET, label_suffix="")
        shown = self._turned(form, request) if form.is_valid() else Turned([])
        context = {
            "form": form,
            "lines": self.lines(shown.rows, request),
            "newer": page_address(self.model, form, shown.newer),
            "older": page_address(self.model, form, shown.older),
            "is_narrowed": bool(form.kept()),
            **(self.beside(form, request) if form.is_valid() else {}),
        }
        title = str(self.opts.verbose_name_plural).capitalize()
        return self.page(request, self.list_template, title, context)

    def _turned(self, form: TurningForm, request: HttpRequest) -> Turned:
        asked = form.cleaned_data
        rows = self.for_list(self.get_queryset(request).filter(**form.columns()), person_of(request))
        return turned(rows, older_than=asked["older_than"], newer_than=asked["newer_than"])


def page_address(model: type[Model], form: TurningForm, place: Mapping[str, Any] | None) -> str:
    """Give the address of another page of the same list; empty where there is none."""
    return list_address(model, urlencode({**form.kept(), **place})) if place is not None else ""
