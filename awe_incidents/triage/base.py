"""The one place that knows the theme (django-unfold): the site and the admin class that all others stand on.

Read-only by default: nothing is added, changed or deleted but by a step, which calls an operation. What may be seen is
decided by our roles and by the `visible_` queries.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib.admin import ShowFacets, SimpleListFilter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import MediaDefiningClass
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.utils.text import capfirst

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import SEE_EVERYTHING, Role
from awe_incidents.triage.access import has_any_role, is_administrator, person_of
from awe_incidents.triage.facts import address, list_address
from awe_incidents.triage.headers import with_desk_policy
from awe_incidents.triage.labels import moment
from awe_incidents.triage.signing_in import LimitedTries, tell_refusal
from awe_incidents.triage.steps import Step, step_view

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as ThemeSite
    from django.contrib.admin import ModelAdmin
    from django.contrib.admin.forms import AdminAuthenticationForm as ThemeSignIn
    from django.contrib.admin.views.main import ChangeList as ThemeChangeList
    from django.core.paginator import Paginator

    ThemeAdmin = ModelAdmin[Any]
    AnyPaginator = Paginator[Any]
else:
    from django.core.paginator import Paginator as AnyPaginator
    from unfold.admin import ModelAdmin as ThemeAdmin
    from unfold.forms import AuthenticationForm as ThemeSignIn
    from unfold.sites import UnfoldAdminSite as ThemeSite
    from unfold.views import ChangeList as ThemeChangeList

F = TypeVar("F", bound=Callable[..., Any])
MAX_COUNTED = 10_000  # nobody turns 400 pages; counting a million rows on each would cost more than showing them


def display(*, description: str, label: Mapping[str, str] | None = None) -> Callable[[F], F]:
    """Name a column of a list; with `label` the theme shows its value in the color of its kind."""

    def named(function: F) -> F:
        function.short_description = description  # type: ignore[attr-defined]  # how the admin reads it
        if label is not None:
            function.label = label  # type: ignore[attr-defined]  # how the theme reads it
        return function

    return named


def time_column(field: str, *, description: str) -> Callable[[Model], str]:
    """Give a column that shows a time in UTC to the second, as logs have it."""

    @display(description=description)
    def shown(row: Model) -> str:
        return moment(getattr(row, field))

    return shown


def value_filter(field: str, values: Collection[str]) -> type[SimpleListFilter]:
    """Give a filter over known values; Django's own would look through the whole table for what values there are."""

    class ValueFilter(SimpleListFilter):
        title = field
        parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(value, value) for value in values]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() in values else queryset

    return ValueFilter


class SigningInForm(LimitedTries, ThemeSignIn):
    """How people sign in."""


class DeskSite(ThemeSite):
    """The site: every answer bears the desk's content security policy."""

    index_template = "triage/dashboard.html"
    index_title = "Overview"
    login_form = SigningInForm

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Demand a signed-in person with access, and set the policy."""
        return with_desk_policy(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Sign in, under the same policy and so often only."""
        return tell_refusal(request, with_desk_policy(super().login)(request, extra_context))

    def each_context(self, request: Any) -> dict[str, Any]:
        """Add our style sheet and script to every page."""
        context = super().each_context(request)
        styles, scripts = list(context.get("styles") or ()), list(context.get("scripts") or ())
        return context | {
            "styles": [*styles, static("triage/desk.css")],
            "scripts": [*scripts, static("triage/desk.js")],
            "site_favicons": [{"rel": "icon", "type": "image/svg+xml", "href": static("triage/icon.svg")}],
        }


class BoundedPaginator(AnyPaginator):
    """Pages of a list that is counted up to a bound only."""

    @cached_property
    def count(self) -> int:
        """Count, but not beyond the bound."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[:MAX_COUNTED].count())


class DeskList(ThemeChangeList):
    """A list with what only lists need: counts beside rows, and without long columns."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_results(self, request: HttpRequest) -> None:
        """Give a page of rows; the whole list was not counted, so no second number is shown."""
        super().get_results(request)
        self.full_result_count = self.result_count

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Narrow down first, then add."""
        rows = super().get_queryset(request, exclude_parameters)
        admin: DeskAdmin = self.model_admin  # type: ignore[assignment]  # made by one, see get_changelist
        return admin.for_list(rows, person_of(request))


class _AbstractAdmin(ABCMeta, MediaDefiningClass):
    """The framework's own kind of class, and abstract methods: a desk page that shows nothing cannot be registered."""


class DeskAdmin(ThemeAdmin, metaclass=_AbstractAdmin):
    """Rows of one kind: a list, a page for each, and the steps that are open to whom."""

    seen_by: ClassVar[frozenset[Role]] = SEE_EVERYTHING
    for_administrators: ClassVar[bool] = False  # people and tokens: superusers only, whatever their roles
    template: ClassVar[str] = "triage/detail.html"
    steps: ClassVar[Sequence[Step]] = ()

    list_per_page = 25
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    ordering = ("-pk",)
    sortable_by = ()  # by id only, which is indexed and newest first
    actions = None

    def visible(self, user: User) -> QuerySet[Any]:
        """Give the rows that a person may see; those who see everything by default."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows

    def for_list(self, rows: QuerySet[Any], user: User) -> QuerySet[Any]:
        """Add what only the list shows."""
        return rows

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Narrow down to what was searched for; called where `search_fields` makes the list show a search box."""
        raise ImproperlyConfigured(f"{type(self).__name__} shows a search box and does not say what it searches")

    @abstractmethod
    def context(self, thing: Any, request: HttpRequest) -> Mapping[str, Any]:
        """Give what the page of one row shows: `facts` and whatever its template wants."""

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give further pages of a row: last part of the address and view."""
        return ()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Decide by roles; of one row also by whether the person sees it."""
        user = request.user
        allowed = is_administrator(user) if self.for_administrators else has_any_role(user, self.seen_by)
        return allowed and (not isinstance(obj, Model) or self.get_queryset(request).filter(pk=obj.pk).exists())

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the section to whoever may see its rows."""
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: operations add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: steps change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: nothing is deleted here."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Take only the filters that the list offers from an address, so that nobody can probe hidden columns."""
        filters: Collection[Any] = self.list_filter or ()  # names, or filters of our own
        offered = {getattr(one, "parameter_name", one) for one in filters}
        return lookup.removesuffix("__exact").removesuffix("__id") in offered

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Start from what the person may see."""
        return self.visible(person_of(request)).order_by(*self.ordering)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search only when something is searched for."""
        term = search_term.strip()
        return (self.search(queryset, term) if term and self.search_fields else queryset), False

    @display(description="No.")
    def number(self, row: Any) -> str:
        """Show the number that the row goes by."""
        return str(row.pk)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DeskList]:
        """Give our list."""
        return DeskList

    def get_urls(self) -> list[URLPattern]:
        """Give list, page, further pages and steps, and nothing else of Django's own."""
        wrap = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        more = [*self.pages(), *((step.name, step_view(self, step)) for step in self.steps)]
        return [
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("<int:object_id>/change/", wrap(self.change_view), name=f"{name}_change"),
            *(path(f"<int:object_id>/{part}/", wrap(view), name=f"{name}_{part}") for part, view in more),
        ]

    def change_view(
        self, request: HttpRequest, object_id: Any, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the page of one row."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        thing = self.found(request, object_id)
        context = {"thing": thing, "offered": self.offered(thing, person_of(request))} | dict(
            self.context(thing, request)
        )
        return self.page(request, self.template, str(thing), context)

    def found(self, request: HttpRequest, object_id: int) -> Any:
        """Give the row.

        Raises: PermissionDenied where the person may see no such rows, Http404 where not this one.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        thing = self.get_queryset(request).filter(pk=object_id).first()
        if thing is None:
            raise Http404(f"no {self.opts.verbose_name} {object_id} that you may see")
        return thing

    def offered(self, thing: Any, user: User) -> list[tuple[Step, str]]:
        """Give the steps that this person may take on this row now, with their addresses."""
        return [
            (step, self.address_of(thing, step.name))
            for step in self.steps
            if step.may(user) and step.is_offered(thing) and not step.why_not(thing, user)
        ]

    def address_of(self, thing: Any, part: str = "change") -> str:
        """Give the address of a page of a row."""
        return address(thing, part=part)

    def page(
        self, request: HttpRequest, template: str, title: str, context: Mapping[str, Any], *, status: int = 200
    ) -> HttpResponse:
        """Show a template within the desk's frame."""
        own = {"title": title, "kind": self.opts, "list_url": list_address(self.model)}
        frame = self.admin_site.each_context(request) | own
        return TemplateResponse(request, template, frame | dict(context), status=status)
