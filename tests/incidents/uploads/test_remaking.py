"""Pictures made anew: pixels stay, everything else goes."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from awe_incidents.incidents.uploads import FileRefused
from awe_incidents.incidents.uploads.remaking import Remade, remake
from tests import pictures


def remade(data: bytes, format_name: str) -> Remade:
    made = remake(data, format_name)
    assert isinstance(made, Remade), str(made)
    return made


def opened(made: Remade) -> Image.Image:
    image = Image.open(BytesIO(made.data))
    image.load()
    assert (image.size, f"image/{str(image.format).lower()}") == ((made.width, made.height), made.media_type)
    return image


@pytest.mark.parametrize(
    ("format_name", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/jpeg"), ("GIF", "image/png")],
)
def test_every_format_is_made_anew(format_name: str, media_type: str) -> None:
    made = remade(pictures.picture(format_name, color="red"), format_name)
    assert made.media_type == media_type
    red, green, blue = opened(made).convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert red > 240
    assert max(green, blue) < 15


def test_what_came_without_losses_stays_without() -> None:
    image = pictures.noise((50, 40))
    for format_name, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        made = remade(pictures.encoded(image, format_name, **options), format_name)
        assert opened(made).tobytes() == image.tobytes()


def test_places_cameras_comments_and_profiles_are_gone() -> None:
    data = pictures.photo_with_place()
    assert b"SecretCamera" in data
    image = opened(remade(data, "JPEG"))
    assert not image.getexif()
    assert not {"exif", "comment", "icc_profile"} & image.info.keys()
    assert b"SecretCamera" not in remade(data, "JPEG").data


def test_a_picture_that_lay_on_its_side_stands_upright() -> None:
    assert opened(remade(pictures.photo_with_place(), "JPEG")).size == (30, 40)


def test_texts_of_a_png_and_what_stands_behind_it_are_gone() -> None:
    text = pictures.chunk(b"tEXt", b"Author\0<script>alert(1)</script>")
    data = pictures.png(8, 8, between=text) + b"PK\x03\x04<script>"
    made = remade(data, "PNG")
    assert b"script" not in made.data
    assert b"PK" not in made.data


def test_of_an_animation_the_first_frame_is_kept() -> None:
    made = remade(pictures.animation(2_000), "GIF")
    assert opened(made).convert("RGB").getpixel((0, 0)) == (0, 0, 7)


def test_transparency_stays() -> None:
    image = Image.new("RGBA", (6, 6), (255, 0, 0, 128))
    for format_name, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("WEBP", {})):
        made = remade(pictures.encoded(image, format_name, **options), format_name)
        assert (made.media_type, opened(made).mode) == ("image/png", "RGBA")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK"])
def test_other_kinds_of_pixels_are_taken(mode: str) -> None:
    image = Image.new("L", (20, 20), 128)
    if mode == "I;16":
        image = Image.new("I;16", (20, 20), 128 * 257)
    elif mode != "L":
        image = image.convert(mode)
    format_name = "JPEG" if mode == "CMYK" else "PNG"
    gray = opened(remade(pictures.encoded(image, format_name), format_name)).convert("L").getpixel((3, 3))
    assert gray in ((0, 255) if mode == "1" else range(120, 136))


@pytest.mark.parametrize(
    ("data", "format_name"),
    [
        (pictures.png(50, 50, pixels=b"no pixels"), "PNG"),
        (b"GIF89a\x08\x00\x08\x00\x80\x00\x00" + bytes(6) + b"\x2c" + bytes(8) + b"\x00\x02\x01\xff\x00;", "GIF"),
        (pictures.picture("PNG"), "JPEG"),
        (b"<svg/>", "PNG"),
        (pictures.gif_with_large_frame(), "GIF"),
        (pictures.bomb(9_900), "PNG"),
    ],
)
def test_what_cannot_be_decoded_or_is_too_large_is_refused(data: bytes, format_name: str) -> None:
    refusal = remake(data, format_name)
    assert isinstance(refusal, FileRefused)
    assert len(str(refusal)) < 300


def test_noise_that_no_encoder_makes_small_comes_with_losses() -> None:
    made = remade(pictures.encoded(pictures.noise((3000, 2600)), "PNG", compress_level=1), "PNG")
    assert made.media_type == "image/jpeg"
