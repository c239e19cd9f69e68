"""Query parameters, read strictly: unknown, doubled and malformed ones are refused instead of passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from awe_incidents.api.fields import Fields, Text, WholeNumber
from awe_incidents.api.problems import InvalidFields

MAX_PAGE_SIZE = 100
PAGE_SIZE = 25


class Parameters(Fields):
    """Parameters of an operation; without fields it takes none."""

    unknown = "There is no such parameter; known are {known}."
    none_known = "There is no such parameter; none is taken here."


class PageParameters(Parameters):
    """Which page of a list."""

    cursor = Text(required=False, max_length=500, help_text="From `next` or `previous` of another page.")
    page_size = WholeNumber(required=False, min_value=1, max_value=MAX_PAGE_SIZE, default=PAGE_SIZE)


def read_parameters(request: Request, known: type[Parameters]) -> Mapping[str, Any]:
    """Give the values of a request's query parameters.

    Raises: InvalidFields.
    """
    given = request.query_params
    if doubled := [name for name in given if len(given.getlist(name)) > 1]:
        raise InvalidFields([(name, "This parameter stands twice; give it once.") for name in doubled], place="query")
    read = known(data=given.dict(), context={"place": "query"})
    try:
        read.is_valid(raise_exception=True)
    except serializers.ValidationError as error:
        raise InvalidFields.of(error.detail, place="query") from None
    values: Mapping[str, Any] = read.validated_data
    return values
