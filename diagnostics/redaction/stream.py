"""Redacting a stream of bytes in pieces of any size: the result never depends on where the pieces were cut.

Whole lines are searched in blocks with one cheap pattern (the union of all anchors); only lines that it hits, and
lines inside an open block, meet the rules. Lines that may be the body of a private key whose END line is still to
come are held back. Memory stays below a few megabytes whatever the stream's size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from diagnostics.redaction import blocks, key_block
from diagnostics.redaction.errors import RedactionFailed
from diagnostics.redaction.line import Hit, LineRedactor
from diagnostics.redaction.prefilter import Prefilter, line_end
from diagnostics.redaction.receipt import Receipt
from diagnostics.redaction.rules.spanning import KEY_BLOCK
from diagnostics.redaction.views import View, views_of

PIECE_BYTES = 256 * 1024
MAX_LINE_BYTES = 1024 * 1024
GUARD_BYTES = 4096
_TAIL_BYTES = 64 * 1024


class Stream:
    """One text on its way through; feed it, then finish it. Not for use by several threads."""

    def __init__(self, *, lines: LineRedactor, prefilter: Prefilter, rule_set_version: str) -> None:
        self._lines = lines
        self._prefilter = prefilter
        self._rule_set_version = rule_set_version
        self._counts: Counter[str] = Counter()
        self._open: list[tuple[str, blocks.Block]] = []
        self._held = b""
        self._pending = bytearray()
        self._dropped_bytes = 0
        self._dropping: int | None = None
        self._broken = False

    @property
    def receipt(self) -> Receipt:
        """What was taken out so far."""
        return Receipt(self._rule_set_version, dict(sorted(self._counts.items())), self._dropped_bytes)

    @property
    def waiting_lines(self) -> int:
        """How many lines wait for what comes next: unfinished, or perhaps a private key's without its beginning."""
        return self._held.count(b"\n") + bool(self._pending or self._dropping is not None)

    def renew(self, *, lines: LineRedactor, prefilter: Prefilter) -> None:
        """Go on with other secrets known; open blocks stay open."""
        self._lines, self._prefilter = lines, prefilter

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes and give the redacted lines that are ready.

        Raises: RedactionFailed; nothing more comes out of a stream that broke.
        """
        return self._guarded(chunk, last=False)

    def finish(self) -> bytes:
        """Give what was held back.

        Raises: RedactionFailed.
        """
        return self._guarded(b"", last=True)

    def _guarded(self, chunk: bytes, *, last: bool) -> bytes:
        failure = "an earlier failure" if self._broken else ""
        result = b""
        if not failure:
            try:
                result = self._finished() if last else self._fed(chunk)
            except Exception as error:
                # Leave the handler first: a chained exception would keep frames that hold the text.
                failure = type(error).__name__
        if failure:
            self._broken = True
            self._held, self._pending = b"", bytearray()
            raise RedactionFailed.because_of(failure)
        return result

    def _fed(self, chunk: bytes) -> bytes:
        pieces = (chunk[start : start + PIECE_BYTES] for start in range(0, len(chunk), PIECE_BYTES))
        return b"".join(part for piece in pieces for part in self._take(piece))

    def _take(self, piece: bytes) -> Iterator[bytes]:
        if self._dropping is not None:
            end = piece.find(b"\n")
            self._dropping += len(piece) if end < 0 else end
            if end < 0:
                return
            yield self._drop_mark() + b"\n"
            piece = piece[end + 1 :]
        self._pending += piece
        yield from self._take_overlong()
        end = self._pending.rfind(b"\n")
        if end >= 0:
            block = self._held + bytes(self._pending[: end + 1])
            del self._pending[: end + 1]
            ready = len(block) - self._trailing_run_bytes(block)
            self._held = block[ready:]
            yield self._block(block[:ready])

    def _take_overlong(self) -> Iterator[bytes]:
        """Cut a line that is longer than the limit: what stays is redacted, the rest is dropped with a mark."""
        end = self._pending.find(b"\n", 0, MAX_LINE_BYTES + 1)
        if len(self._pending) <= MAX_LINE_BYTES or end >= 0:
            return
        if self._held:
            yield self._block(self._held)
            self._held = b""
        head = bytes(self._pending[:MAX_LINE_BYTES])
        end = self._pending.find(b"\n")
        length = len(self._pending) if end < 0 else end
        kept, kept_bytes = self._cut(head)
        yield kept
        self._dropping = length - kept_bytes
        del self._pending[: length if end < 0 else end + 1]
        if end >= 0:
            yield self._drop_mark() + b"\n"

    def _cut(self, head: bytes) -> tuple[bytes, int]:
        """Keep the beginning of a line, up to a guard before its end and to no secret's middle."""
        hits = sorted(self._lines.hits(head), key=lambda hit: hit.start)
        cut = len(head) - GUARD_BYTES
        while (crossing := [hit.start for hit in hits if hit.start < cut < hit.end]) or head[cut] & 0xC0 == 0x80:
            cut = min(crossing) if crossing else cut - 1
        return self._lines.replace(head[:cut], [hit for hit in hits if hit.end <= cut], self._counts), cut

    def _drop_mark(self) -> bytes:
        dropped, self._dropping = self._dropping or 0, None
        self._dropped_bytes += dropped
        return f"[DROPPED:{dropped} bytes of an overlong line]".encode("ascii")

    def _finished(self) -> bytes:
        if self._dropping is not None:
            return self._drop_mark()
        block, self._held, self._pending = self._held + bytes(self._pending), b"", bytearray()
        return self._block(block)

    def _trailing_run_bytes(self, block: bytes) -> int:
        tail = block[-_TAIL_BYTES:].split(b"\n")[:-1]
        if key_block.body_run([next(views_of(line)).text for line in tail[-2:]]) == 0:
            return 0
        count = key_block.body_run([next(views_of(line)).text for line in tail])
        return sum(len(line) + 1 for line in tail[len(tail) - count :])

    def _block(self, block: bytes) -> bytes:
        """Redact whole lines; only the last may lack its line end."""
        out: list[bytes] = []
        position = 0
        candidates = self._prefilter.candidates(block)
        start, end = next(candidates, (len(block), len(block)))
        while position < len(block):
            if self._open:
                start, end = position, line_end(block, position)
            while start < position:
                start, end = next(candidates, (len(block), len(block)))
            out.append(block[position:start])
            if start < len(block):
                out = self._line(block, start, end, out)
            position = end
        return b"".join(out)

    def _line(self, block: bytes, start: int, end: int, out: list[bytes]) -> list[bytes]:
        """Redact the line at a place, with the blocks that are open; give the output with it."""
        line = block[start:end]
        ending = b"\n" if line.endswith(b"\n") else b""
        line = line[: len(line) - len(ending)]
        view = next(views_of(line))
        if key_block.ends_private_key(view.text) and not any(
            isinstance(block, key_block.KeyBlock) for _, block in self._open
        ):
            out = self._redact_run_before(block, start, out)
        out += (self._lines.redact(line, self._counts, self._block_hits(view)), ending)
        return out

    def _block_hits(self, view: View) -> list[Hit]:
        hits = []
        still_open = []
        for rule_id, block in self._open:
            spans, goes_on = block.take(view.text)
            hits += [_hit(view, span, rule_id) for span in spans]
            if goes_on:
                still_open.append((rule_id, block))
        opened = blocks.opened_by(view.text) if not hits else None
        if opened and not any(type(opened[1]) is type(block) for _, block in still_open):
            still_open.append(opened)
        self._open = still_open
        return [hit for hit in hits if hit.start < hit.end]

    def _redact_run_before(self, block: bytes, start: int, out: list[bytes]) -> list[bytes]:
        """Take back the lines before the END line of a key whose BEGIN was cut off, and give them redacted."""
        lines = block[max(0, start - _TAIL_BYTES) : start].split(b"\n")[:-1]
        views = [next(views_of(line)) for line in lines]
        count = key_block.body_run([view.text for view in views])
        if not count:
            return out
        done = b"".join(out)
        for _ in range(count):
            done = done[: done.rfind(b"\n", 0, len(done) - 1) + 1]
        redacted = []
        for line, view in zip(lines[-count:], views[-count:], strict=True):
            body = key_block.body_of(view.text)
            hits = [_hit(view, body.span, KEY_BLOCK.id)] if body else []
            redacted.append(self._lines.redact(line, self._counts, [hit for hit in hits if hit.end]) + b"\n")
        return [done, *redacted]


def _hit(view: View, span: tuple[int, int], rule_id: str) -> Hit:
    """Give a block's span in the line itself; an empty one when a token already stands there."""
    start, end = span
    if not view.text[start:end].strip(b"\x01 \t\r"):
        return Hit(0, 0, rule_id)
    return Hit(*view.place(start, end), rule_id)
