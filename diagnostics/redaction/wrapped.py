"""Known secrets in base64 over several lines, where a line end parts the secret: each line's share of it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

SHARE_BYTES = 8  # a shorter share, up to five bytes of the secret, stays: other texts have it by chance
MIN_FULL_LINE_BYTES = 60
_PROBE_STEP_BYTES = 50

_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}")


class WrappedSecrets:
    """Finds the beginning of a secret at the end of a line of base64, its end at a beginning, and lines within it."""

    def __init__(self, cores: Mapping[bytes, bytes]) -> None:
        self._cores = {core: value for core, value in cores.items() if len(core) > SHARE_BYTES}

    @property
    def probes(self) -> set[bytes]:
        """Give what to look for: every line with a share of a secret holds one of these."""
        starts = {core[at : at + SHARE_BYTES] for core in self._cores for at in range(0, len(core), _PROBE_STEP_BYTES)}
        return {start for start in starts if len(start) == SHARE_BYTES} | {core[-SHARE_BYTES:] for core in self._cores}

    def find(self, text: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Give start, end and the value itself for the base64 that ends a line."""
        words = text.rsplit(None, 1)
        if not words or not _BASE64_LINE.fullmatch(words[-1]):
            return
        word, offset = words[-1].rstrip(b"="), text.rindex(words[-1])
        for core, value in self._cores.items():
            if (span := _share(word, core)) is not None:
                yield offset + span[0], offset + span[1], value


def _share(word: bytes, core: bytes) -> tuple[int, int] | None:
    """Give the place of a part of the core that meets the beginning or the end of the word."""
    end = word.find(core[-SHARE_BYTES:]) + SHARE_BYTES
    if end >= SHARE_BYTES and core.endswith(word[:end]):
        return 0, end
    if len(word) < MIN_FULL_LINE_BYTES:
        return None
    start = word.rfind(core[:SHARE_BYTES])
    if start >= 0 and core.startswith(word[start:]):
        return start, len(word)
    return (0, len(word)) if word in core else None
