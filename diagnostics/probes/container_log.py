"""The log of one container as its engine gives it: in blocks, for so long and no longer, keeping what came before.

docker-py reads what a terminal wrote byte by byte (seen with 7.2).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

import requests

from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine_failures import EngineFailure
from diagnostics.probes.frames import ENGINE, Frames
from diagnostics.probes.response_blocks import blocks_until

MAX_WORDS = 300  # of what the engine itself says


@dataclass(slots=True)
class ContainerLog:
    """Iterate over it for the pieces, cut anywhere; each line has the engine's own time stamp in front.

    Where it ends before its end, `broken_off` says why, and the last line may lack its end; what has come was given.
    Raises, where nothing has come: EngineFailure, ContainerGone, NotPermitted.
    """

    open: Callable[[float], requests.Response]  # within so many seconds
    explained: Callable[[], AbstractContextManager[None]]
    seconds: float  # for all of it
    is_terminal: bool  # what a terminal wrote comes as it is, anything else in frames
    broken_off: str = ""

    def __iter__(self) -> Iterator[bytes]:
        has_begun = False
        try:
            with self.explained():
                for piece in self._pieces(time.monotonic() + self.seconds):
                    has_begun = True
                    yield piece
        except CouldNotLook as failure:
            if not has_begun:
                raise
            self.broken_off = str(failure)

    def _pieces(self, ends_at: float) -> Iterator[bytes]:
        with closing(self.open(self.seconds)) as response:
            blocks = blocks_until(ends_at, response, seconds=self.seconds, what="the log")
            yield from blocks if self.is_terminal else _without_frames(blocks)


def _without_frames(blocks: Iterator[bytes]) -> Iterator[bytes]:
    frames, words = Frames(), b""
    for block in blocks:
        for stream, content in frames.feed(block):
            if stream > ENGINE:
                raise EngineFailure("engine.protocol", "what the engine gave as a log is none: it has no frames")
            if stream == ENGINE:
                words = (words + content)[:MAX_WORDS]
            else:
                yield content
    if words:
        raise EngineFailure("engine.other", f"the engine says of the log: {words.decode(errors='replace').strip()}")
    if not frames.is_whole:
        raise EngineFailure("engine.closed", "the engine ended the log in the middle of a piece")
