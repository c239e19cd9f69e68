from __future__ import annotations

import struct

import pytest

from diagnostics.probes.frames import STDERR, STDOUT, Frames

SENT = ((STDOUT, b"one\n"), (STDERR, b""), (STDERR, b"two, longer than its header\n"), (STDOUT, b"three"))
DATA = b"".join(struct.pack(">BxxxL", stream, len(content)) + content for stream, content in SENT)


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9, 1000])
def test_wherever_frames_are_cut_their_content_is_the_same(size: int) -> None:
    frames, taken = Frames(), {STDOUT: b"", STDERR: b""}
    for at in range(0, len(DATA), size):
        for stream, content in frames.feed(DATA[at : at + size]):
            assert content
            taken[stream] += content
    assert taken == {STDOUT: b"one\nthree", STDERR: b"two, longer than its header\n"}
    assert frames.is_whole


@pytest.mark.parametrize("length", [1, 7, 8, 9, len(DATA) - 1])
def test_half_a_frame_gives_what_is_there_and_is_not_whole(length: int) -> None:
    frames = Frames()
    taken = b"".join(content for _, content in frames.feed(DATA[:length]))
    assert not frames.is_whole
    assert b"one\ntwo, longer than its header\nthree".startswith(taken)


def test_a_frame_of_any_length_is_given_as_it_comes() -> None:
    frames = Frames()
    assert list(frames.feed(struct.pack(">BxxxL", STDOUT, 2**32 - 1))) == []
    for _ in range(10):
        assert list(frames.feed(b"x" * 1000)) == [(STDOUT, b"x" * 1000)]
