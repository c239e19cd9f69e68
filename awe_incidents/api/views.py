"""What every view of the API shares: scopes, strict parameters, bounded bodies, and creating at most once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.generics import GenericAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import person_of
from awe_incidents.api.bodies import check_body
from awe_incidents.api.errors import LimitExceeded
from awe_incidents.api.idempotency import create_once
from awe_incidents.api.limits import count_person, count_stranger
from awe_incidents.api.pagination import NewestFirst
from awe_incidents.api.parameters import PageParameters, Parameters, read_parameters
from diagnostics.errors import DescriptionOutdated, SecretUnreadable
from diagnostics.models import Stack

READING = frozenset({"GET", "HEAD"})
NOT_REDACTED = (DescriptionOutdated, SecretUnreadable)  # without its redactor no text about a stack is stored


class ScopedView(GenericAPIView[Any]):
    """A view that names the scope of each of its methods, and the parameters that each takes."""

    scopes: ClassVar[Mapping[str, Scope]] = {}
    parameters: ClassVar[Mapping[str, type[Parameters]]] = {}
    refusals: ClassVar[Mapping[str, tuple[type[Exception], ...]]] = {}  # by method, for the schema
    conditional: ClassVar[Collection[str]] = ()  # the methods that demand If-Match, for the schema
    body_limits: ClassVar[Mapping[str, int]] = {}  # in bytes, by media type
    lookup_url_kwarg = "id"
    lookup_field = "pk"
    asked: Mapping[str, Any] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check token and scope first, then the parameters, then the body before a parser sees a byte of it."""
        super().initial(request, *args, **kwargs)
        method = "GET" if request.method in READING else str(request.method)
        if method not in self.scopes:
            return  # the view will answer that it does not take this method, whatever else is wrong
        self.asked = read_parameters(request, self.parameters.get(method, Parameters))
        check_body(request, limits=self.body_limits)

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and whether they ask too often, before anything else of the request is looked at."""
        super().perform_authentication(request)
        count_person(request)

    def handle_exception(self, exc: Exception) -> Any:
        """Count who is refused as a stranger; one who tries too often is told so instead."""
        if isinstance(exc, NotAuthenticated | AuthenticationFailed):
            try:
                count_stranger(self.request)
            except LimitExceeded as exceeded:
                exc = exceeded
        return super().handle_exception(exc)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Say which methods there are; the schema says the rest."""
        return HttpResponse(status=status.HTTP_204_NO_CONTENT)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Let one caller keep an answer and ask whether it still holds (If-None-Match); nobody else may have it."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(answer, ["Authorization"])
        if request.method in READING and answer.status_code == status.HTTP_200_OK:
            answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    @property
    def person(self) -> User:
        """Give who is asking."""
        return person_of(self.request)


class ListView(ListModelMixin, ScopedView):
    """A list in pages; `filters` says which column each parameter compares."""

    pagination_class = NewestFirst
    parameters: ClassVar[Mapping[str, type[Parameters]]] = {"GET": PageParameters}
    filters: ClassVar[Mapping[str, str]] = {}

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Compare what was asked for; a stack by its id, which is indexed, and one that is not there never."""
        wanted = {column: self.asked[name] for name, column in self.filters.items() if name in self.asked}
        if "stack_id" in wanted:
            found = Stack.objects.filter(name=wanted["stack_id"]).values_list("pk", flat=True).first()
            if found is None:
                return queryset.none()
            wanted["stack_id"] = found
        return queryset.filter(**wanted)


class CreateView(ScopedView, ABC):
    """A view whose POST creates one thing, at most once under an Idempotency-Key."""

    creates_once = True

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create."""
        return create_once(request, lambda: self.create(request, *args, **kwargs))

    @abstractmethod
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Translate, make one domain call, translate back; runs in a transaction."""


def created(data: Mapping[str, Any], *, location: str) -> Response:
    """Give the answer 201 with its address."""
    return Response(data, status=status.HTTP_201_CREATED, headers={"Location": location})
