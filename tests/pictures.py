"""Pictures for tests: honest ones by Pillow, hostile ones by hand."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def picture(format_name: str = "PNG", size: tuple[int, int] = (40, 30), color: str = "teal", **options: Any) -> bytes:
    """Give a plain picture."""
    return encoded(Image.new("RGB", size, color), format_name, **options)


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    sink = BytesIO()
    image.save(sink, format_name, **options)
    return sink.getvalue()


def noise(size: tuple[int, int]) -> Image.Image:
    """Give a picture that no encoder makes small."""
    return Image.merge("RGB", [Image.effect_noise(size, 90) for _ in range(3)])


def photo_with_place() -> bytes:
    """Give a JPEG whose EXIF data names a camera and a place, and that says it lies on its side."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SecretCamera", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return picture("JPEG", exif=exif, comment=b"a comment of the camera", icc_profile=b"not a profile" * 20)


def animation(frames: int, size: tuple[int, int] = (4, 4)) -> bytes:
    """Give a GIF with as many frames, each of another color."""
    images = [Image.new("RGB", size, (number % 256, number // 256, 7)) for number in range(frames)]
    return encoded(images[0], "GIF", save_all=True, append_images=images[1:], optimize=False)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Give a PNG chunk with its right checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, pixels: bytes = b"", depth: int = 1, color: int = 0, between: bytes = b"") -> bytes:
    """Give a PNG of given size whose pixels compress to nothing; `between` stands before them."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = pixels or zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + between + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bomb(size_bytes: int = 516) -> bytes:
    """Give a PNG of 9000 x 9000 pixels in so few bytes, all checksums right: 243 MB once decoded in colors."""
    whole = zlib.compress(bytes(9000 // 8 + 1) * 9000, 9)
    return png(9000, 9000, pixels=whole[: size_bytes - len(png(1, 1, pixels=b"x")) + 1])


def gif_with_large_frame() -> bytes:
    """Give a GIF of one pixel whose frame has 65,535 x 65,535; decoders enlarge it."""
    screen = struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + screen + frame + b"\x3b"
