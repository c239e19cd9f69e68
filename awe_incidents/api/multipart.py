"""multipart/form-data (RFC 7578), read strictly and counted before anything is made of it.

The framework's own parser passes over what it cannot read: parts without a name, a body that was cut off, headers that
are none. A file that got lost so would be missed only by whoever needs it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from awe_incidents.api.problems import InvalidFields
from awe_incidents.header_parameters import UnreadableHeader, header_parameters
from awe_incidents.incidents.attachments import MAX_REQUEST_BYTES

MEDIA_TYPE = "multipart/form-data"
MAX_BODY_BYTES = MAX_REQUEST_BYTES
MAX_PARTS = 40
MAX_HEAD_BYTES = 2_048
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, section 5.1.1
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_PLAIN_ENCODINGS = {"7bit", "8bit", "binary"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part; `file_name` is "" where none was sent."""

    name: str
    number: int  # among the parts of this name, from 0
    file_name: str
    content: bytes = field(repr=False)

    @property
    def pointer(self) -> str:
        """Give the part's place for a problem."""
        return f"{self.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class Form:
    """The parts in the order they came in."""

    parts: tuple[Part, ...]

    def digest(self) -> str:
        """Give a digest of what was sent; the boundary, which a client draws anew each time, does not count."""
        digest = hashlib.sha256()
        for part in self.parts:
            about = (part.name, part.file_name, hashlib.sha256(part.content).hexdigest())
            digest.update("\n".join(f"{len(one)} {one}" for one in about).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


class FormParser(BaseParser):
    """A form with files, as browsers and `curl -F` send it."""

    media_type = MEDIA_TYPE

    def parse(  # type: ignore[override]  # the framework takes whatever the view understands
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Form:
        """Give the parts.

        Raises: ParseError, InvalidFields.
        """
        try:
            parameters = header_parameters(media_type or "")[1]
        except UnreadableHeader as error:
            raise ParseError(f"the header Content-Type: {error}") from None
        return form_of(stream.read(), boundary=parameters.get("boundary", ""))


def sent_form(request: Request) -> Form | None:
    """Give the form that a request came as; None where it came as something else.

    Raises: ParseError, InvalidFields.
    """
    data: Any = request.data
    return data if isinstance(data, Form) else None


def form_of(body: bytes, *, boundary: str) -> Form:
    """Take a body apart.

    Raises: ParseError, InvalidFields.
    """
    mark = boundary.encode("ascii", "replace")
    if not _BOUNDARY.fullmatch(mark):
        raise ParseError("the header Content-Type names no usable boundary; let your HTTP library write this header")
    delimiter = b"\r\n--" + mark
    body = b"\r\n" + body
    if body.count(delimiter) > MAX_PARTS + 1:
        raise ParseError(f"the form has more than {MAX_PARTS} parts; send fields once, and other files later")
    return Form(tuple(_counted(_parts(body, delimiter))))


def _counted(parts: Iterator[tuple[str, str, bytes]]) -> Iterator[Part]:
    numbers: dict[str, int] = {}
    for name, file_name, content in parts:
        number = numbers[name] = numbers.get(name, -1) + 1
        yield Part(name, number, file_name, content)


def _parts(body: bytes, delimiter: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Give name, file name and content of each part; what stands before the first and after the last is nobody's."""
    place = body.find(delimiter)
    if place < 0:
        raise ParseError("the body does not hold the boundary that the header Content-Type names")
    for number in range(MAX_PARTS + 2):
        place += len(delimiter)
        if body.startswith(b"--", place):
            return
        line_end = body.find(b"\r\n", place)
        end = body.find(delimiter, place)
        if end < 0:
            raise ParseError("the form was cut off: its closing boundary is missing; send it again")
        if body[place:line_end].strip(b" \t"):
            raise ParseError(f"part {number + 1} of the form does not begin after its boundary")
        yield _part(body, line_end, end, number)
        place = end


def _part(body: bytes, start: int, end: int, number: int) -> tuple[str, str, bytes]:
    """Read one part: its head begins with the line end at `start`, its content ends at `end`."""
    # Without content the delimiter's own line end is the empty line (RFC 2046, section 5.1.1).
    head_end = body.find(b"\r\n\r\n", start, min(end + 2, start + MAX_HEAD_BYTES))
    if head_end < 0:
        long = end - start > MAX_HEAD_BYTES
        what = f"has more than {MAX_HEAD_BYTES} bytes of headers" if long else "has no end of its headers"
        raise ParseError(f"part {number + 1} of the form {what}")
    headers = _headers(body[start:head_end], number)
    try:
        disposition, parameters = header_parameters(headers.get("content-disposition", ""))
    except UnreadableHeader as error:
        raise ParseError(f"part {number + 1} of the form, its header Content-Disposition: {error}") from None
    name = parameters.get("name", "")
    if disposition.lower() != "form-data" or not _NAME.fullmatch(name):
        raise ParseError(f"part {number + 1} of the form has no usable name in its header Content-Disposition")
    encoding = headers.get("content-transfer-encoding", "binary").strip().lower()
    if encoding not in _PLAIN_ENCODINGS:
        raise InvalidFields([(name, f"the part comes as {encoding[:20]}; send its bytes as they are (RFC 7578, 4.7)")])
    return name, parameters.get("filename", ""), body[head_end + 4 : end]


def _headers(head: bytes, number: int) -> dict[str, str]:
    try:
        lines = head.decode("utf-8").split("\r\n")[1:]
    except UnicodeDecodeError:
        raise ParseError(f"part {number + 1} of the form has headers that are not UTF-8") from None
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or "\0" in line:
            raise ParseError(f"part {number + 1} of the form has a header that is none")
        found[name.strip().lower()] = value.strip()
    return found
