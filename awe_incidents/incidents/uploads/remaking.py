"""Make a picture anew from its pixels: what stands beside them (places, names, scripts, archives) is gone.

Runs in a process of its own that is killed at its deadline: decoders are C code that meets hostile bytes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from awe_incidents.incidents.uploads.errors import FileRefused
from awe_incidents.incidents.uploads.pictures import MAX_PIXELS, MAX_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MAX_REMADE_BYTES = 20_000_000
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}
JPEG_QUALITY = 90
PNG_LEVEL = 4  # a third larger than the tightest at a quarter of its time


@dataclass(frozen=True, slots=True)
class Remade:
    """A picture of ours: PNG, or JPEG where it came with losses and without transparency."""

    media_type: str
    data: bytes
    width: int
    height: int


def remake(data: bytes, format_name: str) -> Remade | FileRefused:
    """Decode the first frame and encode it again; a refusal is given, not raised, as it goes through a pipe."""
    try:
        return _encoded(_decoded(data, format_name), is_lossy=_is_lossy(data, format_name))
    except FileRefused as refusal:
        return refusal
    except Exception as error:  # decoders raise whatever they like; their texts may hold what they met
        return FileRefused(f"the picture cannot be decoded ({type(error).__name__}); save it anew with an image editor")


def _decoded(data: bytes, format_name: str) -> Pixels:
    from PIL import Image, ImageOps  # loads C libraries, which only this process shall have

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which goes anyway
        with Image.open(BytesIO(data), formats=FORMATS) as opened:
            if opened.format != format_name:
                raise FileRefused(f"the picture is {opened.format} inside and {format_name} outside")
            _check(opened.size)
            opened.verify()
        with Image.open(BytesIO(data), formats=[format_name]) as opened:
            opened.load()
            _check(opened.size)
            upright = ImageOps.exif_transpose(opened)
    if upright.mode.startswith("I"):  # 16 bits of gray; conversion would cut everything off above the lowest 8
        upright = upright.convert("I").point(lambda value: value / 256).convert("L")
    return upright.convert("RGBA" if upright.has_transparency_data else "RGB")


def _check(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise FileRefused(f"the picture turns out to have {width} x {height} pixels, too many")


def _is_lossy(data: bytes, format_name: str) -> bool:
    return format_name == "JPEG" or (format_name == "WEBP" and b"VP8L" not in data[:64])


def _encoded(pixels: Pixels, *, is_lossy: bool) -> Remade:
    pixels.info.clear()  # encoders write color profiles, comments and resolutions from here
    format_name = "JPEG" if is_lossy and pixels.mode == "RGB" else "PNG"
    made = _saved(pixels, format_name)
    if len(made) > MAX_REMADE_BYTES and format_name == "PNG":  # noise does not compress; better with losses than not
        format_name = "JPEG"
        made = _saved(pixels.convert("RGB"), format_name)
    if len(made) > MAX_REMADE_BYTES:
        raise FileRefused("the picture has too many details for its size; scale it down")
    return Remade(MEDIA_TYPES[format_name], made, *pixels.size)


def _saved(pixels: Pixels, format_name: str) -> bytes:
    sink = BytesIO()
    options = {"compress_level": PNG_LEVEL} if format_name == "PNG" else {"quality": JPEG_QUALITY}
    pixels.save(sink, format_name, **options)
    return sink.getvalue()
