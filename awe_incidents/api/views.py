"""What every view of the API shares: the size limit, and creating at most once under an Idempotency-Key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import person_of
from awe_incidents.api.idempotency import create_once

MAX_ID = 2**63 - 1


class BodyTooLarge(APIException):
    """More than a bug report with its logs needs."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "the body is larger than {limit:,} bytes; leave out what does not matter, or cut the logs"


class ScopedView(GenericAPIView[Any]):
    """A view that names the scope of each of its methods."""

    scopes: ClassVar[Mapping[str, Scope]] = {}
    lookup_url_kwarg = "id"
    lookup_field = "pk"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check token and scope first, then the size of the body, before a parser sees a byte of it."""
        super().initial(request, *args, **kwargs)
        length = request.META.get("CONTENT_LENGTH") or "0"
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if not length.isdecimal() or int(length) > limit:
            raise BodyTooLarge(BodyTooLarge.default_detail.format(limit=limit))

    @property
    def person(self) -> User:
        """Give who is asking."""
        return person_of(self.request)


class CreateView(ScopedView):
    """A view whose POST creates one thing, at most once under an Idempotency-Key."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create."""
        return create_once(request, lambda: self.create(request, *args, **kwargs))

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Translate, make one domain call, translate back; runs in a transaction."""
        raise NotImplementedError(type(self).__name__)


def created(data: Mapping[str, Any], *, location: str) -> Response:
    """Give the answer 201 with its address."""
    return Response(data, status=status.HTTP_201_CREATED, headers={"Location": location})


def media_type_of(request: Request) -> str:
    """Give the body's media type without parameters."""
    return parse_header_parameters(request.content_type or "")[0]
