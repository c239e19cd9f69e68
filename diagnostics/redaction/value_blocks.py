"""Values over several lines: YAML block values, values on the line after their name, Kubernetes manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from diagnostics.redaction.finder import is_count
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.rules import names

Span = tuple[int, int]

PATIENCE_LINES = 200
_PREFIX = re.compile(rb"^(?:[\w.-]{1,64}\s*\|\s?)?(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?\s)?")


@dataclass(slots=True)
class IndentBlock:
    """Inside a YAML block value: takes every line that is indented deeper than its name."""

    indent: int

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the content of a deeper line; a line at the name's depth ends the block."""
        offset, depth, content = indented(line)
        if not content:
            return [], True
        if depth <= self.indent:
            return [], False
        return [] if content.startswith(b"-----") else [(offset, offset + len(content))], True


_VALUE = re.compile(
    rb"^<?[\"']?value[\"']?\s*[:=]\s*[\"']?(?P<v>[^\s\"'][^\"']*?)[\"']?,?\s*/?>?$"
    rb"|^(?:\d+\)\s+|string\(\d+\)\s+)?[\"'](?P<q>[^\"']+)[\"'],?\]?\}?$"
    rb"|^(?P<b>[^\s<:\[\]{},#&*!|>-][^\s:]*),?$"
)
_NO_VALUE = compile_pattern(rf"{names.NO_SECRET}|{names.PROSE}")


@dataclass(slots=True)
class NextLine:
    """After a name that ends its line: takes the value if the next line is nothing but one."""

    indent: int
    needs_value: bool
    key: bytes = b""

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the value's span; the block is over after one line."""
        offset, depth, content = indented(line)
        match = _VALUE.match(content)
        if match is None or depth < self.indent or (self.needs_value and match.group("v") is None):
            return [], False
        group = match.lastgroup or "b"
        if (group == "b" and depth <= self.indent) or _NO_VALUE.fullmatch(match.group(group)):
            return [], False
        if is_count(self.key, match.group(group)):
            return [], False
        return [(offset + match.start(group), offset + match.end(group))], False


_MEMBER = re.compile(
    rb"^(?P<k>[\"']?[\w./-]+[\"']?)\s*:\s*"
    rb"(?:[\"'](?P<q>[^\"']+)[\"']|(?P<b>[^\s\"'|>{#][^#]*?))\s*$"
)
_BASE64 = re.compile(rb"(?=.{12})(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_MANIFEST_END = re.compile(rb"^(?:---|\.\.\.)|^[A-Z]")


@dataclass(slots=True)
class Manifest:
    """Inside a Kubernetes manifest: takes all data of a Secret, and base64 only while the kind is unknown."""

    is_secret: bool
    data_indent: int | None = None
    others: int = 0
    block_indent: int | None = field(default=None)

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give the span of a datum's value; a new document ends the manifest."""
        offset, depth, content = indented(line)
        if not content:
            return [], True
        self.others += 1
        if _MANIFEST_END.match(line) or self.others > PATIENCE_LINES:
            return [], False
        if KIND.match(content):
            self.is_secret = b"ecret" in content
            return [], self.is_secret
        if self.data_indent is not None and depth <= self.data_indent:
            self.data_indent = self.block_indent = None
        if DATA.match(content):
            self.data_indent = depth
            return [], True
        return self._datum(offset, depth, content), True

    def _datum(self, offset: int, depth: int, content: bytes) -> list[Span]:
        if self.data_indent is None or content.startswith(b"#"):
            return []
        if self.block_indent is not None and depth > self.block_indent:
            return [(offset, offset + len(content))] if self.is_secret or _BASE64.fullmatch(content) else []
        self.block_indent = depth if re.search(rb":\s*[|>][+-]?\s*$", content) else None
        match = _MEMBER.match(content)
        if match is None:
            return []
        group = "q" if match.group("q") is not None else "b"
        value = match.group(group)
        if _NO_VALUE.fullmatch(value) or not (self.is_secret or _BASE64.fullmatch(value)):
            return []
        return [(offset + match.start(group), offset + match.end(group))]


KIND = re.compile(rb"^[\"']?kind[\"']?\s*:\s*[\"']?\w+[\"']?\s*$")
DATA = re.compile(rb"^[\"']?(?:data|stringData)[\"']?\s*:\s*$")
SECRET_KIND = re.compile(rb"(?i)^[\"']?kind[\"']?\s*:\s*[\"']?secret[\"']?\s*$")


def indented(line: bytes) -> tuple[int, int, bytes]:
    """Give where the content starts, its depth after any log prefix, and the content."""
    prefix = _PREFIX.match(line)
    start = prefix.end() if prefix else 0
    rest = line[start:]
    content = rest.strip()
    depth = len(rest) - len(rest.lstrip())
    return start + depth, depth, content
