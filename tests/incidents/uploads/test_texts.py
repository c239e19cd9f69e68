"""Texts by their content."""

from __future__ import annotations

import pytest

from awe_incidents.incidents.uploads import FileRefused, text_of
from tests import pictures


@pytest.mark.parametrize(
    "text", ["api | 502\n", "\x1b[31mred\x1b[0m", "naïve 日本語 \u202e", "a\r\nb", "x" * 1_000_000, "PK is no archive"]
)
def test_texts_are_taken_as_they_are(text: str) -> None:
    assert text_of(text.encode()) == text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"one\0two", "byte 3 is NUL"),
        (b"good \xff\xfe bad", "byte 5 is not UTF-8"),
        (b"\xc0\xaf", "byte 0 is not UTF-8"),
        (b"\xed\xa0\x80", "byte 0 is not UTF-8"),
        ("log".encode("utf-16"), "UTF-16"),
        (b"GIF89a<script>alert(1)</script>", "a GIF picture"),
        (b"PK\x03\x04ab", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (pictures.picture("PNG"), "a PNG picture"),
        (pictures.picture("JPEG"), "a JPEG picture"),
    ],
)
def test_what_is_no_text_is_refused_and_said_what_it_is(data: bytes, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        text_of(data)
