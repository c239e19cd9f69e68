"""multipart/form-data bodies byte by byte, as no library would write them."""

from __future__ import annotations

from collections.abc import Iterable

BOUNDARY = "----awe-test-boundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"

Sent = tuple[str, str | None, bytes]  # name, file name, content


def part(name: str, file_name: str | None, content: bytes, *more: str) -> bytes:
    """Give one part with further header lines."""
    file = "" if file_name is None else f'; filename="{file_name}"'
    head = [f'Content-Disposition: form-data; name="{name}"{file}', *more]
    return "\r\n".join((*head, "", "")).encode() + content


def form(parts: Iterable[Sent | bytes], *, boundary: str = BOUNDARY) -> bytes:
    """Give a whole body."""
    raw = [one if isinstance(one, bytes) else part(*one) for one in parts]
    return b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), one) for one in raw) + f"--{boundary}--\r\n".encode()


def texts(fields: dict[str, str]) -> list[Sent]:
    """Give fields as parts."""
    return [(name, None, value.encode()) for name, value in fields.items()]
