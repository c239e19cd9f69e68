"""The body before any parser sees it: how long it may be, and how it may come."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.request import Request

from awe_incidents.header_parameters import UNUSABLE

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_PIECE_BYTES = 65_536


class BodyTooLarge(APIException):
    """More than a bug report with its logs needs."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit:,} bytes; leave out what does not matter, or cut the logs")


def check_body(request: Request, *, limits: Mapping[str, int]) -> None:
    """Refuse a body that is too large, by its declared length before a byte of it is read.

    `limits` holds bytes by media type where they are not those of all others.
    Raises: BodyTooLarge, UnsupportedMediaType, ParseError.
    """
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    limit: int = limits.get(media_type, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    length = request.META.get("CONTENT_LENGTH") or ""
    if length and not (length.isascii() and length.isdecimal()):
        raise ParseError("the header Content-Length is no number")
    if length and (len(length) > len(str(limit)) or int(length) > limit):
        raise BodyTooLarge(limit)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("", detail="the body is compressed; send it as it is, without Content-Encoding")
    if request.method in _WITH_BODY:
        _check_media_type(request, media_type)
    if not length and request.method in _WITH_BODY and request.META.get("wsgi.input_terminated"):
        _take_in(request, limit)


def _check_media_type(request: Request, media_type: str) -> None:
    """Refuse a header Content-Type that says nothing; the framework takes `*/*` for whatever it can read."""
    if reason := request.META.get(UNUSABLE):
        raise UnsupportedMediaType("", detail=reason)
    if "*" in media_type:
        raise UnsupportedMediaType("", detail="the header Content-Type names no one media type; send which one it is")


def _take_in(request: Request, limit: int) -> None:
    """Read a body that comes in pieces (HTTP/1.1 chunked, HTTP/2); Django takes it for an empty one."""
    body = _read_at_most(request.META["wsgi.input"], limit)
    request._request._stream = BytesIO(body)
    request.META["CONTENT_LENGTH"] = str(len(body))


def _read_at_most(stream: IO[bytes], limit: int) -> bytes:
    body = bytearray()
    while piece := stream.read(_PIECE_BYTES):
        body += piece
        if len(body) > limit:
            raise BodyTooLarge(limit)
    return bytes(body)
