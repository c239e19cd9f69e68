"""Private keys over several lines: whole, cut off at either end, each line with a prefix, other lines in between."""

from __future__ import annotations

import re
from dataclasses import dataclass

from diagnostics.redaction.rules.keys import DER_START, PEM_IN_BASE64
from diagnostics.redaction.views import MASK

Span = tuple[int, int]

PATIENCE_LINES = 50
MAX_RUN_LINES = 200
STRONG_BYTES = 32
BARE_BYTES = 16
LONG_REST_BYTES = 100

# A frame, or what is left of one when the line was cut off in front.
_BEGIN = re.compile(
    rb"(?:BEGIN [A-Z0-9 ]*|^[A-Z ]*)PRIVATE KEY(?: BLOCK)? ?-{2,5}(?P<rest>.*)$|Private-Lines: *\d+\s*$", re.DOTALL
)
_DASHES = re.compile(rb"-{2,5} ?$")
_END = re.compile(rb"-{2,5} ?END\b|Private-MAC:")
_PRIVATE_END = re.compile(rb"-{2,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY")
_OTHER_BEGIN = re.compile(rb"-{2,5} ?BEGIN (?!.*PRIVATE KEY)")
# A key without its frame, or the first line of a whole PEM file in wrapped base64.
_NO_FRAME = re.compile(
    rb"(?:^|[\s|\"'])(?:%s[A-Za-z0-9+/]{20,}|LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,40}%s[A-Za-z0-9+/]{8,60})\s*(?:\\n\".*)?$"
    % (DER_START.encode("ascii"), PEM_IN_BASE64.encode("ascii"))
)
_BODY = re.compile(rb"^(?P<prefix>(?:.*[\s|>])?)(?P<body>=?[A-Za-z0-9+/]+={0,2})\s*$", re.DOTALL)
_WRAPPED = re.compile(
    rb"^(?P<prefix>.*\"(?:log|message|msg|MESSAGE)\":\s?\")(?P<body>=?[A-Za-z0-9+/]+={0,2})(?:\\[nr])*\".*$", re.DOTALL
)
_RUN = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_HEX = re.compile(rb"[0-9a-f]+")
_HEADER = re.compile(rb"(?:Proc-Type|DEK-Info|Comment|Version|Hash|Subject|X-[\w-]+): ")
_CHECKSUM = re.compile(rb"=[A-Za-z0-9+/]{4}")
_DIGITS = re.compile(rb"\d+")


@dataclass(frozen=True, slots=True)
class Body:
    """The base64 of one line, and what stands before it with its numbers forgotten (time stamps differ)."""

    start: int
    text: bytes
    prefix: bytes

    @property
    def span(self) -> Span:
        """Give the place in the line."""
        return self.start, self.start + len(self.text)

    @property
    def is_strong(self) -> bool:
        """Tell whether it is base64 by its length alone and no digest."""
        return len(self.text) >= STRONG_BYTES and not _HEX.fullmatch(self.text)

    @property
    def is_likely(self) -> bool:
        """Tell whether a short one may be a key's last line: whole groups of four, and no word."""
        text = self.text
        if text[:1] == b"=" or len(text) >= BARE_BYTES:
            return True
        return len(text) % 4 == 0 and not (len(text) <= 12 and text.isalpha() and text.islower())


@dataclass(slots=True)
class KeyBlock:
    """Inside a private key: takes base64 until the END line, or until patience with other lines ends."""

    prefix: bytes
    width: int = 0
    others: int = 0
    interrupted: bool = False
    ending: bool = False

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the spans to take out of a line, and whether the block goes on."""
        if _OTHER_BEGIN.search(line):
            return [], False
        if end := _END.search(line):
            return [run.span() for run in _RUN.finditer(line[: end.start()])], False
        if line.rstrip().endswith(MASK):
            self.ending = True  # a token stands there: only what is base64 beyond doubt is still to be taken
            return [], True
        if not line.strip() or _HEADER.search(line):
            return [], True
        body = body_of(line)
        if body is not None and self._is_part(body):
            self.ending, self.interrupted = len(body.text) < self.width, False
            self.width = max(self.width, len(body.text))
            return [body.span], True
        self.interrupted = True
        self.others += 1
        runs = [run.span() for run in _RUN.finditer(line) if not _HEX.fullmatch(run.group())]
        return runs, self.others <= PATIENCE_LINES

    def _is_part(self, body: Body) -> bool:
        if _CHECKSUM.fullmatch(body.text):
            return body.prefix == self.prefix
        if self.ending:
            return body.is_strong and len(body.text) >= self.width
        return body.is_strong or (body.prefix == self.prefix and not self.interrupted and body.is_likely)


def body_of(line: bytes) -> Body | None:
    """Give the base64 that ends a line or is the message of a JSON log line."""
    match = _BODY.match(line) or _WRAPPED.match(line)
    return None if match is None else Body(match.start("body"), match.group("body"), _shape(match.group("prefix")))


def opened_by(line: bytes) -> KeyBlock | None:
    """Give the block that a BEGIN line opens, or a line that starts like a key whose BEGIN was cut off."""
    begin = _BEGIN.search(line)
    if begin and not _PRIVATE_END.search(line):
        before = _DASHES.sub(b"", line[: begin.start()])
        return KeyBlock(_shape(before)) if len(begin.group("rest") or b"") < LONG_REST_BYTES else None
    body = body_of(line) if _NO_FRAME.search(line) else None
    return KeyBlock(body.prefix, width=len(body.text)) if body else None


def ends_private_key(line: bytes) -> bool:
    """Tell whether a line ends a private key."""
    return _PRIVATE_END.search(line) is not None


def body_run(lines: list[bytes]) -> int:
    """Count the lines at the end that may be the body of a key whose END line comes next."""
    count = 0
    for line in reversed(lines[-MAX_RUN_LINES:]):
        body = body_of(line)
        if body is None or not (_is_long(line, body) or (count == 0 and _is_last(body, lines))):
            break
        count += 1
    return count


def _is_long(line: bytes, body: Body) -> bool:
    enough = BARE_BYTES if body.text == line.strip() else STRONG_BYTES
    return len(body.text) >= enough and not _HEX.fullmatch(body.text)


def _is_last(body: Body, lines: list[bytes]) -> bool:
    """Tell whether the line before an END line may be a key's short last one."""
    before = body_of(lines[-2]) if len(lines) > 1 else None
    return body.text.endswith(b"=") or (before is not None and before.is_strong and before.prefix == body.prefix)


def _shape(prefix: bytes) -> bytes:
    return _DIGITS.sub(b"0", prefix.strip())
