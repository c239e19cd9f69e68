"""Entity tags of what can be edited, and If-Match: nobody changes what somebody else has changed in between (RFC 9110).

A tag has two parts: the version of what can be edited, and a digest of the answer. If-None-Match compares the whole, so
that a cached answer is renewed whatever changed in it; If-Match compares the version, as what the service adds by
itself is no reason to refuse an edit.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, ClassVar, TypeVar

from django.db import models
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.api.errors import PreconditionRequired, TagMalformed
from awe_incidents.api.views import ScopedView
from awe_incidents.incidents.errors import StaleVersion

HEADER = "If-Match"
TAGS = r'\*|(W/)?"[\x21\x23-\x7e]*"([ \t]*,[ \t]*(W/)?"[\x21\x23-\x7e]*")*'
_TAG = re.compile(r'(?P<weak>W/)?"(?P<version>[0-9]{1,10})\.[0-9a-f]{32}"')

Row = TypeVar("Row", bound=models.Model)


def asked_version(request: Request, *, current: int) -> int | None:
    """Give the version that the caller decided on; None for `*`, which takes whatever there is.

    The operation compares again under its lock. Raises: PreconditionRequired, TagMalformed, StaleVersion.
    """
    text = request.headers.get(HEADER)
    if text is None:
        raise PreconditionRequired(f"say with {HEADER} what you decided on: the ETag of the answer that you read")
    if not re.fullmatch(TAGS, text.strip()):
        raise TagMalformed(f'{HEADER} takes an ETag as it was given, with its quotation marks, such as "1.0f3a"')
    if text.strip() == "*":
        return None
    # A weak tag matches nothing here; whoever compresses answers on the way makes tags weak.
    versions = {int(tag["version"]) for tag in _TAG.finditer(text) if not tag["weak"]}
    if current not in versions:
        raise StaleVersion(f"this is at version {current}, which {HEADER} does not name; read it again")
    return current


class TaggedDetail(RetrieveModelMixin, ScopedView):
    """A view of one thing that can be edited; `version_field` counts its changes."""

    version_field: ClassVar[str]

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give it with its tag."""
        return self.tagged(self.get_object())

    def tagged(self, thing: Any) -> Response:
        """Give the answer with the tag of the thing as it is in it."""
        version: int = getattr(thing, self.version_field)
        answer = Response(self.get_serializer(thing).data)
        answer.add_post_render_callback(lambda rendered: _set_tag(rendered, version))
        return answer


def _set_tag(rendered: Any, version: int) -> None:
    digest = hashlib.sha256(rendered.content).hexdigest()[:32]
    rendered.headers["ETag"] = f'"{version}.{digest}"'
