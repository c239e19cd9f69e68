"""The line scanner behind `template.parse`: one walk over the lines, nothing is looked at twice.

It takes the template as people paste it: `**Environment**: x`, `**Environment:** x`, also as list items; headings of
any level; plain `Environment: x` where no section is marked better; any case, British spelling; the whole wrapped in
a fence; a title above; hints left in place; comments of issue forms; logs in a fence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from awe_incidents.incidents.errors import IncidentsError
from awe_incidents.incidents.fences import Closings, Fence, Prefixed, fence_of, split_prefix
from awe_incidents.incidents.template_labels import SECTIONS, Marker, folded, marker, plain_marker

LOGS = "container_logs"
NO_RESPONSE = "_No response_"  # what GitHub's issue forms write for an empty answer
EXACT = "<!-- exact text -->"
# Around what the service adds to a section.
ADDED = "<!-- added by the service -->"
ADDED_END = "<!-- end of what the service added -->"

# What may stand above the first section without being an answer: titles, and the sentence of the documentation.
_TITLES = {
    *("bug report", "bug reports", "creating bug reports", "bug", "issue", "issue report", "problem report"),
    *("incident report", "when reporting issues include"),
}


class TemplateError(IncidentsError):
    """The text is not a filled template; `problems` holds pairs of field name ("" for the whole text) and message.

    Messages name lines, never their text: it may hold secrets.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(message for _, message in problems))
        self.problems = problems


def read(lines: list[str]) -> dict[str, str]:
    """Give the text of each section found; raises TemplateError."""
    lines = _unwrapped(lines)
    walk = _Walk(lines, marker)
    if not walk.bodies:
        walk = _Walk(lines, plain_marker)
    if not walk.bodies:
        raise TemplateError([("", _NO_SECTION)])
    if walk.problems:
        raise TemplateError(list(walk.problems.items()))
    return {name: body.text(name) for name, body in walk.bodies.items()}


_NO_SECTION = (
    "No section of the template was found. Start each answer with its label on a line of its own, "
    "such as **Environment**: Production."
)


def is_special(line: Prefixed) -> bool:
    """Tell whether a line, but for backslashes before its text, would be more than text."""
    bare = line._replace(core=line.core.lstrip("\\"))
    return _opens_comment(bare) or fence_of(bare) is not None or marker(bare) is not None


def is_placeholder(name: str, line: str) -> bool:
    """Tell whether a line is the hint of its section, or GitHub's words for no answer."""
    bare = _bare(line)
    return bare in (_bare(SECTIONS[name].hint), _bare(NO_RESPONSE))


def beside_label(text: str) -> str:
    """Give what counts of the text beside a label: without outer spaces and without a comment at its end."""
    text = text.strip()
    if text.endswith("-->") and (start := text.rfind("<!--")) > 0:
        return text[:start].rstrip()
    return text


def _bare(line: str) -> str:
    return line.strip(" \t*_()[]<>.\u2026").casefold()


@dataclass
class _Body:
    """The lines of one section, unescaped, with what is known of their structure."""

    lines: list[str] = field(default_factory=list)
    fences: dict[int, tuple[int, Fence]] = field(default_factory=dict)  # first line -> last line and opening
    exact_at: list[int] = field(default_factory=list)

    def text(self, name: str) -> str:
        if len(self.exact_at) == 2:
            start, end = self.exact_at
            if not any(line.strip() for line in (*self.lines[:start], *self.lines[end:])):
                return "\n".join(self.lines[start:end])
        start, end = self._without_blank_edges(0)
        if start < end and is_placeholder(name, self.lines[start]):
            start, end = self._without_blank_edges(start + 1)
        if name == LOGS and start in self.fences:
            last, fence = self.fences[start]
            if last == end - 1:
                return "\n".join(_outdented(line, fence.column) for line in self.lines[start + 1 : last])
        return "\n".join(self.lines[start:end])

    def _without_blank_edges(self, start: int) -> tuple[int, int]:
        end = len(self.lines)
        while start < end and not self.lines[start].strip():
            start += 1
        while end > start and not self.lines[end - 1].strip():
            end -= 1
        return start, end


class _Walk:
    """One walk over the lines of a report, sorting them into the bodies of its sections."""

    def __init__(self, lines: list[str], marker_of: Callable[[Prefixed], Marker | None]) -> None:
        self.bodies: dict[str, _Body] = {}
        self.problems: dict[str, str] = {}  # the first one per field
        self._lines = lines.copy()  # what is left of each line as parts of it are taken
        self._marker_of = marker_of
        self._body: _Body | None = None  # none before the first section
        self._closings = Closings(lines)
        self._last_comment_line = next((n for n in range(len(lines) - 1, -1, -1) if "-->" in lines[n]), -1)
        index = 0
        while index < len(lines):
            index = self._take(index)

    def _take(self, index: int) -> int:
        """Take in what starts on a line, and give the index of the line after it."""
        if not self._lines[index]:
            self._append("", index)  # the common case, and what a flood of blank lines would make slow
            return index + 1
        line = split_prefix(self._lines[index])
        marker = self._marker_of(line)
        if marker is not None:
            self._start_section(marker[0], index)
            self._lines[index] = beside_label(marker[1])
            line = split_prefix(self._lines[index])
        fence = fence_of(line)
        end = None if fence is None else self._closings.end_of(fence, index)
        if fence is not None and end is not None:
            return self._take_fence(fence, index, end)
        if _opens_comment(line) and self._comment_end(index, len(line.prefix)) is not None:
            return self._take_comment(index, len(line.prefix))
        if line.core.startswith("\\") and is_special(line):
            self._append(line.prefix + line.core[1:], index)
        else:
            self._append(self._lines[index], index)
        return index + 1

    def _start_section(self, name: str, index: int) -> None:
        if name in self.bodies:
            again = f"Line {index + 1}: {SECTIONS[name].label} starts a second time."
            self.problems.setdefault(name, f"{again} {_DUPLICATE_ADVICE}")
        self._body = self.bodies.setdefault(name, _Body())

    def _take_fence(self, fence: Fence, start: int, end: int) -> int:
        if self._body is not None:
            first = len(self._body.lines)
            self._body.fences[first] = (first + end - start, fence)
        for index in range(start, end + 1):
            self._append(self._lines[index], index)
        return end + 1

    def _take_comment(self, index: int, column: int) -> int:
        """Leave out a comment and those right after it; what follows them on the line is taken next."""
        text = self._lines[index].strip()
        if text == EXACT and self._body is not None:
            self._body.exact_at.append(len(self._body.lines))
            return index + 1
        if text == ADDED and (last := self._end_of_added(index)) is not None:
            return last + 1
        while self._lines[index].startswith("<!--", column) and (end := self._comment_end(index, column)) is not None:
            index, column = end
            while self._lines[index].startswith((" ", "\t"), column):
                column += 1
        self._lines[index] = self._lines[index][column:]
        return index if self._lines[index] else index + 1

    def _end_of_added(self, index: int) -> int | None:
        """Give the line that ends what the service added; None where somebody took it, or quoted lines are not left."""
        end = index + 1
        while end < len(self._lines) and self._lines[end].startswith(">"):
            end += 1
        is_whole = end < len(self._lines) and self._lines[end].strip() == ADDED_END
        return end if is_whole else None

    def _comment_end(self, index: int, column: int) -> tuple[int, int] | None:
        """Give line and column after the comment that starts here; None if nobody closes it."""
        column += 2  # "<!-->" is a whole comment
        while index <= self._last_comment_line:
            end = self._lines[index].find("-->", column)
            if end >= 0:
                return index, end + 3
            index, column = index + 1, 0
        return None

    def _append(self, line: str, index: int) -> None:
        if self._body is not None:
            self._body.lines.append(line)
        elif not _is_title(line):
            self.problems.setdefault("", f"Line {index + 1} stands before the first section. {_STRAY_ADVICE}")


_DUPLICATE_ADVICE = "Join the two, or put quoted text into a code fence or a backslash before its label."
_STRAY_ADVICE = "Move it under the label it answers, such as **Actual Behavior**:, or take it out."


def _unwrapped(lines: list[str]) -> list[str]:
    """Blank out the fence around a report that was pasted with the fence of the documentation."""
    first = next((index for index, line in enumerate(lines) if not _is_title(line)), None)
    fence = None if first is None else fence_of(split_prefix(lines[first]))
    if first is None or fence is None:
        return lines
    unwrapped = lines.copy()
    unwrapped[first] = ""
    last = next((index for index in range(len(lines) - 1, first, -1) if lines[index].strip()), first)
    closing = lines[last].strip()
    if len(closing) >= fence.length and not closing.strip(fence.character):
        unwrapped[last] = ""
    return unwrapped


def _is_title(line: str) -> bool:
    return not line.strip("-=_* \t") or not line.strip() or folded(line) in _TITLES


def _opens_comment(line: Prefixed) -> bool:
    return line.core.startswith("<!--") and not line.is_deep and not line.has_bullet


def _outdented(line: str, columns: int) -> str:
    """Take away the indentation that a line in a fence shares with the fence (CommonMark 0.31, section 4.5)."""
    indent = len(line) - len(line.lstrip(" "))
    return line[min(indent, columns) :]
