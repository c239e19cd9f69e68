"""Pictures by their frame of chunks: what they are, how large, and whether they are whole; no pixel is decoded."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from awe_incidents.incidents.uploads import FileRefused, picture_of
from awe_incidents.incidents.uploads.pictures import MAX_PIXELS, Picture
from tests import pictures


def refusal(data: bytes) -> str:
    with pytest.raises(FileRefused) as refused:
        picture_of(data)
    return str(refused.value)


@pytest.mark.parametrize("format_name", pictures.FORMATS)
def test_honest_pictures_are_known_with_their_size(format_name: str) -> None:
    assert picture_of(pictures.picture(format_name, (123, 45))) == Picture(format_name, 123, 45, 1)


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("JPEG", {"progressive": True, "quality": 95}),
        ("JPEG", {"restart_marker_rows": 1}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
        ("PNG", {"interlace": 1}),
        ("GIF", {"interlace": 1}),
    ],
)
def test_variants_are_known_too(format_name: str, options: dict[str, object]) -> None:
    data = pictures.encoded(pictures.noise((90, 70)), format_name, **options)
    assert picture_of(data) == Picture(format_name, 90, 70, 1)


def test_frames_of_an_animation_are_counted() -> None:
    assert picture_of(pictures.animation(300)).frames == 300
    frames = [Image.new("RGB", (8, 8), (50 * number, 0, 0)) for number in range(5)]
    for format_name in ("PNG", "WEBP"):
        data = pictures.encoded(frames[0], format_name, save_all=True, append_images=frames[1:])
        assert picture_of(data) == Picture(format_name, 8, 8, 5)


@pytest.mark.parametrize("format_name", pictures.FORMATS)
def test_a_picture_that_was_cut_off_anywhere_is_refused(format_name: str) -> None:
    data = pictures.encoded(pictures.noise((30, 20)), format_name)
    for end in range(len(data) - 1):
        assert refusal(data[:end])


@pytest.mark.parametrize("size_bytes", [516, 9900])
def test_a_bomb_is_refused_by_the_size_that_it_names(size_bytes: int) -> None:
    data = pictures.bomb(size_bytes)
    assert len(data) == size_bytes
    assert "9000 x 9000 pixels, more than 40,000,000" in refusal(data)


def test_the_largest_size_named_anywhere_counts() -> None:
    assert "65535" in refusal(pictures.gif_with_large_frame())
    small = pictures.picture("WEBP", (8, 8))
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_383).to_bytes(3, "little") * 2
    riff = b"WEBP" + canvas + small[12:]
    assert "16384 x 16384" in refusal(b"RIFF" + struct.pack("<I", len(riff)) + riff)


def test_a_size_at_the_limit_is_taken_and_one_beyond_not() -> None:
    assert picture_of(pictures.png(8000, MAX_PIXELS // 8000)).width == 8000
    assert refusal(pictures.png(8000, MAX_PIXELS // 8000 + 1))
    assert refusal(pictures.png(0, 8))
    assert "a side" in refusal(pictures.png(40_000, 1))


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a<script>alert(1)</script>",
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00<script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>",
        b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(32),
        b"RIFF\x04\x00\x00\x00WEBP",
        b"\xff\xd8\xff\xe0" + bytes(50),
        b"\xff\xd8\xff\xd9",
        b"PK\x03\x04" + bytes(50),
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html>",
        b"BM" + bytes(50),
        b"\x00\x00\x00\x1cftypavif" + bytes(50),
        b"",
        b"\x89",
    ],
)
def test_what_only_begins_as_a_picture_or_is_none_is_refused(data: bytes) -> None:
    assert refusal(data)


def test_a_wrong_checksum_is_refused() -> None:
    data = bytearray(pictures.picture("PNG"))
    data[-20] ^= 1
    assert "checksum" in refusal(bytes(data))


def test_what_stands_behind_a_picture_does_not_matter() -> None:
    for format_name in pictures.FORMATS:
        assert picture_of(pictures.picture(format_name) + b"PK\x03\x04 an archive, too").format == format_name


@pytest.mark.parametrize(
    "data",
    [
        pictures.png(1, 1, between=pictures.chunk(b"teXt", b"") * 800_000),
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00" + b"\x21\xfe\x00" * 3_000_000,
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00" + b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x00" * 800_000,
        b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x21\xfe" + b"\x01a" * 4_900_000,
        b"\xff\xd8\xff" + b"\xff" * 9_900_000,
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 2_400_000,
        b"RIFF" + struct.pack("<I", 9_900_000) + b"WEBP" + b"EXIF\0\0\0\0" * 1_200_000,
    ],
    ids=["chunks", "extensions", "frames", "blocks", "fill bytes", "segments", "riff"],
)
def test_endless_structure_costs_little(data: bytes) -> None:
    began = time.perf_counter()
    assert refusal(data)
    assert time.perf_counter() - began < 2


@given(st.binary(max_size=300), st.sampled_from(pictures.FORMATS), st.integers(0, 400))
@settings(max_examples=300)
def test_whatever_stands_in_a_picture_there_is_a_picture_or_a_refusal(noise: bytes, name: str, place: int) -> None:
    data = pictures.picture(name)
    try:
        found = picture_of(data[:place] + noise + data[place + len(noise) :])
    except FileRefused:
        return
    assert found.width * found.height <= MAX_PIXELS


def test_a_png_of_text_chunks_is_not_inflated() -> None:
    text = pictures.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9))
    began = time.perf_counter()
    assert picture_of(pictures.png(1, 1, between=text)).format == "PNG"
    assert time.perf_counter() - began < 0.5
