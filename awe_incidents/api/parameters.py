"""Query parameters, read strictly: unknown, doubled and malformed ones are refused instead of passed over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from awe_incidents.api.fields import Fields, WholeNumber
from awe_incidents.api.kept import validated
from awe_incidents.api.problems import InvalidFields

MAX_PAGE_SIZE = 100
PAGE_SIZE = 25
CURSOR = r"^-?[0-9]{1,19}$"


class Parameters(Fields):
    """Parameters of an operation; without fields it takes none."""

    unknown = "There is no such parameter; known are {known}."
    none_known = "There is no such parameter; none is taken here."


@extend_schema_field({"type": "string", "pattern": CURSOR, "description": "From `next` or `previous` of a page."})
class CursorText(serializers.Field[str, str, str, str]):
    """Where a page starts."""

    default_error_messages = {"invalid": "This is no cursor; take one from `next` or `previous` of a page."}

    def to_internal_value(self, data: str) -> str:
        """Take what has the form of one."""
        return data if re.fullmatch(CURSOR, data) else self.fail("invalid")


class PageParameters(Parameters):
    """Which page of a list."""

    cursor = CursorText(required=False)
    page_size = WholeNumber(required=False, min_value=1, max_value=MAX_PAGE_SIZE, default=PAGE_SIZE)


def read_parameters(request: Request, known: type[Parameters]) -> Mapping[str, Any]:
    """Give the values of a request's query parameters.

    Raises: InvalidFields.
    """
    given = request.query_params
    if doubled := [name for name in given if len(given.getlist(name)) > 1]:
        raise InvalidFields([(name, "This parameter stands twice; give it once.") for name in doubled], place="query")
    try:
        return validated(known, given.dict(), context={"place": "query"})
    except serializers.ValidationError as error:
        raise InvalidFields.of(error.detail, place="query") from None
