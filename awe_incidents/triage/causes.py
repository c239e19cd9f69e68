"""The how-to pages: one for each cause that a diagnosis can name, and a list that is searched by plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from awe_incidents.triage.access import EVERYBODY, has_any_role
from diagnostics.diagnosis.catalog import all_causes
from diagnostics.diagnosis.cause import Cause, Sign
from diagnostics.diagnosis.how_to import causes_with, explanation_of, said_of_any, states_of

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

MAX_SEARCHED = 200  # characters


def page_address(slug: str) -> str:
    """Give the address of a cause's page; empty where a kept diagnosis names one that is not known any more."""
    return reverse("admin:cause", args=[slug]) if slug in all_causes() else ""


def search_address(words: str = "") -> str:
    """Give the address of the list, searched for words."""
    found = reverse("admin:causes")
    return f"{found}?{urlencode({'q': words[:MAX_SEARCHED]})}" if words else found


def may_read(request: HttpRequest) -> bool:
    """Say whether the person may read the pages: whoever has a role may, as incidents of everybody lead there."""
    return has_any_role(request.user, EVERYBODY)


class CausePages:
    """The list and the pages, within the desk's frame."""

    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def addresses(self) -> list[URLPattern]:
        """Give list and pages, behind the site's sign-in and under its policy."""
        wrap = self.site.admin_view
        return [
            path("causes/", wrap(self.show_list), name="causes"),
            path("causes/<slug:slug>/", wrap(self.show_cause), name="cause"),
        ]

    def show_list(self, request: HttpRequest) -> HttpResponse:
        """Show the causes, or those in which all words of `?q=` occur."""
        searched = request.GET.get("q", "").replace("\0", "").strip()[:MAX_SEARCHED]
        rows = [(cause, page_address(cause.slug), said_of_any(cause)) for cause in causes_with(searched)]
        context = {"searched": searched, "rows": rows, "number": len(all_causes())}
        return self._page(request, "triage/causes.html", "How-to", context)

    def show_cause(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Show what a cause is, what to do about it, and how it is recognized."""
        cause = all_causes().get(slug)
        if cause is None and may_read(request):
            raise Http404(f"no cause {slug}")
        return self._page(request, "triage/cause.html", cause.title if cause else "", _told(cause) if cause else {})

    def _page(self, request: HttpRequest, template: str, title: str, context: Mapping[str, Any]) -> HttpResponse:
        if not may_read(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        frame = self.site.each_context(request) | {"title": title, "max_searched": MAX_SEARCHED}
        return TemplateResponse(request, template, frame | dict(context))


def _told(cause: Cause) -> dict[str, Any]:
    tables = (
        ("How it is recognized", cause.signs),
        ("What else would be seen", cause.expects),
        ("What refutes it", cause.refuted_by),
    )
    return {
        "cause": cause,
        "explanation": [" ".join(part.split()) for part in explanation_of(cause).split("\n\n")],
        "sentence": said_of_any(cause),
        "tables": [(words, _rows(signs)) for words, signs in tables if signs],
    }


def _rows(signs: tuple[Sign, ...]) -> list[tuple[str, str]]:
    """Give codes with their states, each once: two signs may differ only in what they are about."""
    return list(dict.fromkeys((sign.code, states_of(sign)) for sign in signs))
