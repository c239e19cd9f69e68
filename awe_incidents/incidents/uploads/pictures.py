"""What a picture says of itself, read from its frame of chunks without decoding a pixel; the web process does no more.

Each format is walked to its end: a file that was cut off is refused at the door, and the size that counts is the
largest that stands anywhere in it, for decoders believe different places. A walk is linear and bounded in steps.
Pixels are decoded in a process of their own (`remaking`).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import unpack_from

from awe_incidents.incidents.uploads.errors import FileRefused
from awe_incidents.incidents.uploads.texts import kind_of

MAX_PIXELS = 40_000_000
MAX_SIDE = 32_000
MAX_STEPS = 200_000  # a 10 MB GIF in blocks of 255 bytes has 40,000
_JPEG_MARK = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # what is neither a stuffed byte, a restart nor a fill byte
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    """Format in Pillow's word, the largest size that the file names, and how many pictures it holds."""

    format: str
    width: int
    height: int
    frames: int


def picture_of(data: bytes) -> Picture:
    """Read what kind of picture this is and how large.

    Raises: FileRefused, when it is none, was cut off, or is too large.
    """
    walk = next((one for beginning, one in _WALKS.items() if data.startswith(beginning)), None)
    if walk is None or (walk is _webp and data[8:12] != b"WEBP"):
        kind = kind_of(data) or "none of them"
        raise FileRefused(f"a screenshot is a PNG, JPEG, WebP or GIF picture; by its first bytes this is {kind}")
    try:
        picture = walk(data)
    except (struct.error, IndexError):
        raise FileRefused("the picture was cut off; send the whole file") from None
    _check_size(picture)
    return picture


def _check_size(picture: Picture) -> None:
    width, height = picture.width, picture.height
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise FileRefused(f"the picture says that it has {width} x {height} pixels; a side has 1 to {MAX_SIDE:,}")
    if width * height > MAX_PIXELS:
        raise FileRefused(f"the picture has {width} x {height} pixels, more than {MAX_PIXELS:,}; cut or scale it down")


def _steps() -> Iterator[int]:
    yield from range(MAX_STEPS)
    raise FileRefused("the picture consists of too many pieces; save it anew with an image editor")


def _found(format_name: str, sizes: list[Size], frames: int) -> Picture:
    if not sizes or not frames:
        raise FileRefused(f"this begins as a {format_name} picture, but holds none")
    return Picture(format_name, max(width for width, _ in sizes), max(height for _, height in sizes), frames)


def _png(data: bytes) -> Picture:
    """Chunks of length, type, data and checksum, from IHDR to IEND; what follows is left behind when it is remade."""
    sizes, has_pixels, frames, place = list[Size](), False, 1, 8
    for _ in _steps():
        length, kind = unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        (checksum,) = unpack_from(">I", data, place + 8 + length)
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise FileRefused("the PNG picture is damaged: a checksum does not fit; send it again")
        if (kind == b"IHDR") != (place == 8):
            raise FileRefused("this begins as a PNG picture, but does not go on as one")
        if kind == b"IHDR":
            sizes.append(unpack_from(">II", body))
        elif kind == b"acTL":
            frames = max(1, unpack_from(">I", body)[0])
        elif kind == b"fcTL":
            sizes.append(unpack_from(">II", body, 4))
        has_pixels |= kind == b"IDAT"
        if kind == b"IEND":
            break
        place += 12 + length
    return _found("PNG", sizes, frames if has_pixels else 0)


def _gif(data: bytes) -> Picture:
    """A screen, then blocks up to the trailer; a frame may reach beyond the screen, which decoders then enlarge."""
    width, height, flags = unpack_from("<HHB", data, 6)
    sizes, frames, place, steps = [(width, height)], 0, 13 + _color_table_bytes(flags), _steps()
    while data[place] != 0x3B:
        if data[place] == 0x2C:
            left, top, width, height, flags = unpack_from("<HHHHB", data, place + 1)
            sizes.append((left + width, top + height))
            frames += 1
            place += 11 + _color_table_bytes(flags)
        elif data[place] == 0x21:
            place += 2
        else:
            raise FileRefused("this begins as a GIF picture, but does not go on as one")
        place = _after_blocks(data, place, steps)
    return _found("GIF", sizes, frames)


def _color_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int, steps: Iterator[int]) -> int:
    """Go over blocks that each begin with their length, up to the empty one."""
    for _ in steps:
        length = data[place]
        place += 1 + length
        if not length:
            break
    return place


def _webp(data: bytes) -> Picture:
    """A RIFF container: `VP8X` names the canvas, `VP8 `, `VP8L` and `ANMF` their own sizes."""
    (length,) = unpack_from("<I", data, 4)
    end, place, frames, sizes = 8 + length, 12, 0, list[Size]()
    if end > len(data):
        raise FileRefused("the picture was cut off; send the whole file")
    for _ in _steps():
        if place + 8 > end:
            break
        kind, length = unpack_from("<4sI", data, place)
        if place + 8 + length > end:
            raise FileRefused("the picture was cut off; send the whole file")
        if size := _WEBP_SIZES.get(kind):
            sizes.append(size(data, place + 8))
            frames += kind != b"VP8X"
        place += 8 + length + length % 2
    return _found("WEBP", sizes, frames)


def _three(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 3], "little")


def _lossy(data: bytes, place: int) -> Size:
    width, height = unpack_from("<HH", data, place + 6)
    return width & 0x3FFF, height & 0x3FFF


def _lossless(data: bytes, place: int) -> Size:
    (bits,) = unpack_from("<I", data, place + 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


_WEBP_SIZES: dict[bytes, Callable[[bytes, int], Size]] = {
    b"VP8X": lambda data, place: (_three(data, place + 4) + 1, _three(data, place + 7) + 1),
    b"ANMF": lambda data, place: (_three(data, place + 6) + 1, _three(data, place + 9) + 1),
    b"VP8 ": _lossy,
    b"VP8L": _lossless,
}


def _jpeg(data: bytes) -> Picture:
    """Marked segments up to the end mark; between a scan and the next mark stand pixels."""
    sizes, scans, place = list[Size](), 0, 2
    for _ in _steps():
        mark = _JPEG_MARK.search(data, place)
        if mark is None:
            raise FileRefused("the picture was cut off; send the whole file")
        kind, place = data[mark.end() - 1], mark.end()
        if kind == 0xD9:
            break
        if kind in (0x01, 0xD8):  # marks without a segment
            continue
        if kind in _FRAME_HEADERS:
            height, width = unpack_from(">HH", data, place + 3)
            sizes.append((width, height))
        scans += kind == 0xDA
        place += unpack_from(">H", data, place)[0]
    return _found("JPEG", sizes, min(scans, 1))


_WALKS: dict[bytes, Callable[[bytes], Picture]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"\xff\xd8\xff": _jpeg,
    b"RIFF": _webp,
}
