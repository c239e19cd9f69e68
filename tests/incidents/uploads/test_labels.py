"""File names as labels and as names to save under."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.incidents.uploads import label_of
from awe_incidents.incidents.uploads.labels import MAX_LABEL
from awe_incidents.incidents.uploads.serving import download_headers, download_name


@pytest.mark.parametrize(
    ("file_name", "label"),
    [
        ("error page.png", "error page.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\Windows\\system.ini", "system.ini"),
        ("C:\\Users\\alice\\shot.png", "shot.png"),
        ("..", ""),
        ("/", ""),
        ("a\0b.png", "ab.png"),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"),
        ("log\x1b[31m.txt", "log[31m.txt"),
        ("gnp.\u202egnp.exe", "gnp.gnp.exe"),
        ("\ufeffna\u0308mlich.txt", "n\u00e4mlich.txt"),
        ("a\u2028b\u00a0c.log", "a b c.log"),
        (" .hidden. ", "hidden"),
        ("", ""),
    ],
)
def test_a_name_is_cleaned(file_name: str, label: str) -> None:
    assert label_of(file_name) == label


def test_a_long_name_keeps_its_ending() -> None:
    label = label_of("x" * 300 + ".png")
    assert len(label) == MAX_LABEL
    assert label.endswith("x.png")


@given(st.text())
def test_a_label_is_short_and_holds_nothing_that_cannot_be_seen(file_name: str) -> None:
    label = label_of(file_name)
    assert len(label) <= MAX_LABEL
    assert not any(unicodedata.category(one)[0] == "C" or one in "/\\" for one in label)
    assert label_of(label) == label


@pytest.mark.parametrize(
    ("label", "media_type", "name"),
    [
        ("shot.webp", "image/png", "shot.png"),
        ("shot.svg", "image/jpeg", "shot.jpg"),
        ("api.log", "text/plain", "api.log"),
        ("page.html", "text/plain", "page.html.txt"),
        ("run.bat", "text/plain", "run.bat.txt"),
        ("Dockerfile", "text/plain", "Dockerfile.txt"),
    ],
)
def test_a_download_is_saved_as_what_it_is(label: str, media_type: str, name: str) -> None:
    assert download_name(label, media_type) == name


@given(st.text(), st.sampled_from(["image/png", "text/plain"]))
def test_no_name_breaks_out_of_its_header(file_name: str, media_type: str) -> None:
    disposition = download_headers(label=label_of(file_name) or "x", media_type=media_type, sha256="0")[
        "Content-Disposition"
    ]
    assert disposition.isascii()
    assert disposition.isprintable()
    assert disposition.startswith("attachment; ")
    assert disposition.count('"') == 2
