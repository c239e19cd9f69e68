"""Headers with parameters, such as Content-Type: read without an error of ours for what a client wrote wrong.

The framework reads that of a request before any middleware: what it raises there is an answer of the server's own, 500
without a problem and without an id.
"""

from __future__ import annotations

from typing import Any

from django.utils.http import parse_header_parameters

UNUSABLE = "awe.unusable_content_type"  # of a request's environ: why its Content-Type was set aside
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})
OTHER_CHARSET = "the text has another charset; send it as UTF-8"


class UnreadableHeader(ValueError):
    """A header whose parameters cannot be read."""


def header_parameters(line: str) -> tuple[str, dict[str, str]]:
    """Give what stands before the first semicolon in small letters, and the parameters.

    Raises: UnreadableHeader.
    """
    try:
        return parse_header_parameters(line)
    except (ValueError, LookupError, TypeError):  # of charsets, and of pieces (RFC 2231) that do not go together
        raise UnreadableHeader("its parameters cannot be read; write them as name=value") from None


def set_aside_unusable(environ: dict[str, Any]) -> None:
    """Take a Content-Type that the framework would fail at out of a request, saying why, and an Accept like it.

    What needs no body is answered as if they were not there; a body is then of no known type.
    """
    if reason := _why_unusable(environ.get("CONTENT_TYPE", "")):
        environ |= {"CONTENT_TYPE": "", UNUSABLE: reason}
    if any(_is_unreadable(one) for one in environ.get("HTTP_ACCEPT", "").split(",")):
        del environ["HTTP_ACCEPT"]


def _why_unusable(content_type: str) -> str:
    try:
        charset = header_parameters(content_type)[1].get("charset", "utf-8")
    except UnreadableHeader as error:
        return f"the header Content-Type: {error}"
    return "" if charset.lower() in CHARSETS else OTHER_CHARSET  # by another one the address too would be read


def _is_unreadable(line: str) -> bool:
    try:
        header_parameters(line)
    except UnreadableHeader:
        return True
    return False
