"""Whether bytes are a text: UTF-8, no NUL, and not the beginning of a known kind of binary file."""

from __future__ import annotations

from awe_incidents.incidents.uploads.errors import FileRefused

# Some of these are UTF-8 as well, and would be taken for a text otherwise.
BEGINNINGS: dict[bytes, str] = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF87a": "a GIF picture",
    b"GIF89a": "a GIF picture",
    b"RIFF": "a RIFF file (WebP, sound, video)",
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"(\xb5/\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "a program",
    b"\xfe\xff": "a UTF-16 text",
    b"\xff\xfe": "a UTF-16 text",
}
_ADVICE = "send logs as plain UTF-8 text, and pictures as `screenshot`"


def kind_of(data: bytes) -> str:
    """Name the known kind of binary file that bytes begin as; "" where they begin as none."""
    return next((name for beginning, name in BEGINNINGS.items() if data.startswith(beginning)), "")


def text_of(data: bytes) -> str:
    """Give the text.

    Raises: FileRefused.
    """
    if kind := kind_of(data):
        raise FileRefused(f"this begins as {kind} does; {_ADVICE}")
    if (position := data.find(b"\0")) >= 0:
        raise FileRefused(f"byte {position} is NUL, which no text has; {_ADVICE}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRefused(f"byte {error.start} is not UTF-8; {_ADVICE}") from None
