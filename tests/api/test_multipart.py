"""The strict parser of forms: what honest clients send, and that it agrees with the framework's own on that."""

from __future__ import annotations

import contextlib
from io import BytesIO
from typing import Any

import httpx
import pytest
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser
from django.test.client import MULTIPART_CONTENT, encode_multipart
from django.utils.http import parse_header_parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from awe_incidents.api.multipart import MAX_PARTS, Form, form_of
from awe_incidents.api.problems import InvalidFields
from tests import forms

NAMES = st.from_regex(r"\A[a-z_]{1,12}\Z")
FILE_NAMES = st.text(
    st.characters(blacklist_categories=("C", "Zl", "Zp"), blacklist_characters='"\\/&;%'), min_size=1, max_size=20
)
CONTENTS = st.binary(max_size=300).map(lambda data: data.replace(forms.BOUNDARY.encode(), b""))


def read(body: bytes, content_type: str = forms.CONTENT_TYPE) -> Form:
    return form_of(body, boundary=parse_header_parameters(content_type)[1].get("boundary", ""))


def shown(form: Form) -> list[tuple[str, int, str, bytes]]:
    return [(part.name, part.number, part.file_name, part.content) for part in form.parts]


def by_framework(body: bytes) -> list[tuple[str, bytes]]:
    meta: dict[str, Any] = {"CONTENT_TYPE": forms.CONTENT_TYPE, "CONTENT_LENGTH": len(body)}
    handler = MemoryFileUploadHandler()
    fields, files = MultiPartParser(meta, BytesIO(body), [handler]).parse()
    texts = [(name, value.encode()) for name, values in fields.lists() for value in values]
    return texts + [(name, file.read()) for name, found in files.lists() for file in found]


def test_parts_come_in_order_and_are_numbered_by_name() -> None:
    body = forms.form([("a", None, b"1"), ("b", "x.png", b"2"), ("a", None, b""), ("b", "y.png", b"\r\n--\r\n")])
    assert shown(read(body)) == [
        ("a", 0, "", b"1"),
        ("b", 0, "x.png", b"2"),
        ("a", 1, "", b""),
        ("b", 1, "y.png", b"\r\n--\r\n"),
    ]


def test_what_other_clients_write_is_read() -> None:
    django = encode_multipart("BoUnDaRyStRiNg", {"a": "ünï", "f": [BytesIO(b"x\0y")]})
    assert [part.content for part in read(django, MULTIPART_CONTENT).parts] == ["ünï".encode(), b"x\0y"]
    request = httpx.Request("POST", "http://x/", data={"a": "1"}, files=[("f", ("naïve €.png", b"\x89PNG"))])
    assert shown(read(request.read(), request.headers["Content-Type"])) == [
        ("a", 0, "", b"1"),
        ("f", 0, "naïve €.png", b"\x89PNG"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',  # no line end behind the last boundary
        b'preamble\r\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\nepilogue',
        b'--x \t\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',  # padding behind a boundary
        b"--x\r\ncontent-disposition: Form-Data; NAME=a\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--\r\n",
    ],
)
def test_what_the_standard_allows_is_read(body: bytes) -> None:
    assert [part.content for part in form_of(body, boundary="x").parts] == [b"1"]


def test_a_part_without_content_needs_no_empty_line() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n--x--\r\n'
    assert shown(form_of(body, boundary="x")) == [("a", 0, "", b"")]


def test_as_many_parts_as_allowed_and_no_more() -> None:
    assert len(read(forms.form([("a", None, b"")] * MAX_PARTS)).parts) == MAX_PARTS
    with pytest.raises(ParseError, match="more than 40 parts"):
        read(forms.form([("a", None, b"")] * (MAX_PARTS + 1)))


def test_the_digest_does_not_depend_on_the_boundary_and_on_nothing_else() -> None:
    parts: list[forms.Sent | bytes] = [("a", None, b"1"), ("f", "x.png", b"2")]
    first = form_of(forms.form(parts, boundary="one"), boundary="one").digest()
    assert form_of(forms.form(parts, boundary="two"), boundary="two").digest() == first
    others: list[list[forms.Sent | bytes]] = [
        [("a", None, b"1"), ("f", "y.png", b"2")],
        [("a", None, b"1"), ("f", "x.png", b"3")],
        [("f", "x.png", b"2"), ("a", None, b"1")],
        [("a", None, b"1"), ("f", "x.png", b"2"), ("f", "x.png", b"2")],
    ]
    assert len({first, *(read(forms.form(other)).digest() for other in others)}) == 5


@given(st.lists(st.tuples(NAMES, st.none() | FILE_NAMES, CONTENTS), min_size=1, max_size=8))
def test_it_agrees_with_the_frameworks_parser_on_whole_forms(parts: list[forms.Sent]) -> None:
    parts = [(name, file_name, data if file_name else data.hex().encode()) for name, file_name, data in parts]
    body = forms.form(parts)
    assert sorted((part.name, part.content) for part in read(body).parts) == sorted(by_framework(body))


@pytest.mark.parametrize(
    "parameters",
    [
        "name=screenshot; filename*=bogus''x",
        "name*=bogus''stack",
        "name=a; filename*=undefined''%41",
        "name=a; filename*=idna''%ff",
        "name=a; filename*0*=x''",
        "name=a; filename*=x; filename*0=y",  # pieces with and without a number do not go together
    ],
)
def test_parameters_that_cannot_be_read_are_told(parameters: str) -> None:
    part = f"Content-Disposition: form-data; {parameters}\r\n\r\n1".encode()
    with pytest.raises(ParseError, match="part 1 of the form, its header Content-Disposition"):
        read(forms.form([part]))


@given(st.lists(st.sampled_from(["a", "*", "*0", "*1", "=", "''", "%ff", ";", '"', "utf-8", "idna", "hex", "("])))
def test_whatever_parameters_come_there_is_a_form_or_a_refusal(pieces: list[str]) -> None:
    with contextlib.suppress(ParseError, InvalidFields):
        read(forms.form([f"Content-Disposition: form-data; name=a; {''.join(pieces)}\r\n\r\n1".encode()]))


@given(st.binary(max_size=500), st.integers(0, 700), st.booleans())
@settings(max_examples=400)
def test_whatever_comes_there_is_a_form_or_a_refusal(noise: bytes, place: int, replaces: bool) -> None:
    body = forms.form([("a", None, b"1"), ("b", "x.png", b"2"), ("c", None, b"3")])
    end = place + (len(noise) if replaces else 0)
    with contextlib.suppress(ParseError, InvalidFields):
        read(body[:place] + noise + body[end:])
