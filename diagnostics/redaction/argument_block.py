"""Arguments of a command one to a line, as YAML and pretty-printed JSON have them: read together, as a command."""

from __future__ import annotations

import re
from dataclasses import dataclass

from diagnostics.redaction.finder import RuleFinder
from diagnostics.redaction.patterns import compile_pattern
from diagnostics.redaction.rules.commands import ARGUMENT_LINES, CURL, OPTION
from diagnostics.redaction.rules.notations import FLAG
from diagnostics.redaction.value_blocks import indented

Span = tuple[int, int]

MAX_COMMAND_BYTES = 2048

_MEMBER = re.compile(
    rb"(?:-[ \t]+)?(?:\"(?P<double>(?:[^\"\\]|\\.)+)\"|'(?P<single>(?:[^']|'')+)'),?"
    rb"|-[ \t]+(?P<plain>[^\s\"'#\[{&*!|>].*)"
)
_OPENS = compile_pattern(ARGUMENT_LINES.pattern)
_FINDERS = tuple(RuleFinder(rule) for rule in (OPTION, CURL, FLAG))


@dataclass(slots=True)
class ArgumentBlock:
    """After a program or an option that takes a secret: goes on while every line is one member of a list."""

    command: bytes

    def take(self, line: bytes) -> tuple[list[Span], bool]:
        """Give what is a secret in the member of this line; any other line ends the block."""
        member = _member(line)
        if member is None or len(self.command) > MAX_COMMAND_BYTES:
            return [], False
        offset, word = member
        begin = len(self.command) + 1
        self.command += b" " + re.sub(rb"[\s\"']", b"_", word)  # one word, as the program gets it
        found = [start for finder in _FINDERS for start, end in finder.find(self.command) if end > begin]
        if not found:
            return [], True
        return [(offset + max(0, min(found) - begin), offset + len(word))], True


def opened_by(line: bytes) -> ArgumentBlock | None:
    """Give the block that a line opens whose one member is a program or an option that takes a secret."""
    member = _member(line)
    return ArgumentBlock(member[1]) if member and _OPENS.fullmatch(member[1]) else None


def _member(line: bytes) -> tuple[int, bytes] | None:
    """Give the place and the text of a list's member that is alone on its line."""
    offset, _, content = indented(line)
    match = _MEMBER.fullmatch(content)
    if match is None:
        return None
    group = match.lastgroup or "plain"
    return offset + match.start(group), match.group(group)
