"""The documented bug report template: Markdown to its seven fields and back.

`parse(render(fields)) == fields` for all fields that `normalize` leaves alone. What render writes beyond the plain
template, and parse takes away again:

- container logs stand in a fence longer than any run of backticks inside;
- a backslash goes before text that would start a section, a comment or a fence that nobody closes;
- text whose outer blank lines count, or that reads like a hint, stands between two `EXACT` comments: GitHub hides them;
- what the service adds to a section stands quoted below it, between two comments, and is nobody's answer: parse leaves
  it out, so that a report which is read, edited and sent back says only what people said.

How lenient parse is, and with what, is told in `template_reader`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from types import MappingProxyType
from typing import NamedTuple

from awe_incidents.incidents import template_reader
from awe_incidents.incidents.fences import Closings, fence_of, longest_run, split_prefix
from awe_incidents.incidents.template_labels import SECTIONS
from awe_incidents.incidents.template_reader import (
    ADDED,
    ADDED_END,
    EXACT,
    LOGS,
    NO_RESPONSE,
    TemplateError,
)

__all__ = ["SECTIONS", "Added", "TemplateError", "TemplateFields", "blank_template", "normalize", "parse", "render"]


_LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TemplateFields:
    """A bug report as filed: the seven fields of the template, empty where nothing was said."""

    environment: str = ""
    docker_compose_version: str = ""
    container_logs: str = ""
    steps_to_reproduce: str = ""
    expected_behavior: str = ""
    actual_behavior: str = ""
    screenshots: str = ""


class Added(NamedTuple):
    """What the service knows about a section: where it comes from or why it could not be had, and the text, if any."""

    note: str
    text: str = ""


def normalize(text: str) -> str:
    """Give the storable form of a text: LF line ends, and U+FFFD for NUL and lone surrogates.

    PostgreSQL and UTF-8 cannot hold those two; U+FFFD is what CommonMark (section 2.3) puts in place of NUL.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return text if text.isascii() else _LONE_SURROGATES.sub("\ufffd", text)


def parse(markdown: str) -> TemplateFields:
    """Read a filled template, also as people really paste it, in time linear in its length.

    Raises: TemplateError, with every problem found.
    """
    text = normalize(markdown).removeprefix("\ufeff")
    return TemplateFields(**template_reader.read(text.split("\n")))


def render(fields: TemplateFields, added: Mapping[str, Added] = MappingProxyType({})) -> str:
    """Write the fields as the template, in Markdown that reads well in a GitHub issue; `added` is by field."""
    values = [(field.name, getattr(fields, field.name)) for field in dataclass_fields(fields)]
    parts = [part for name, value in values for part in (_section(name, value), *_by_the_service(added.get(name)))]
    return "\n\n".join(parts) + "\n"


def blank_template() -> str:
    """Give the template to fill in, with the documented hints in place of answers."""
    return "".join(f"**{section.label}**: {section.hint}\n" for section in SECTIONS.values())


def _section(name: str, value: str) -> str:
    label = f"**{SECTIONS[name].label}**:"
    if not value:
        return f"{label} {NO_RESPONSE}"
    if name == LOGS:
        fence = "`" * max(3, longest_run(value, "`") + 1)
        return f"{label}\n\n{fence}\n{value}\n{fence}"
    text = "\n".join(_escaped(value.split("\n")))
    if _needs_exact(name, value):
        return f"{label}\n\n{EXACT}\n{text}\n{EXACT}"
    return f"{label} {text}" if _fits_beside_label(text) else f"{label}\n\n{text}"


def _by_the_service(added: Added | None) -> Iterator[str]:
    """Quote what the service adds; each line begins with ">", so none of them is a section, a comment or a fence."""
    if added is None:
        return
    fence = "`" * max(3, longest_run(added.text, "`") + 1)
    lines = [f"*Added by the service*: {' '.join(added.note.split())}"]
    lines += ["", fence, *added.text.split("\n"), fence] if added.text else []
    yield "\n".join([ADDED, *(f"> {line}" if line else ">" for line in lines), ADDED_END])


def _escaped(lines: list[str]) -> list[str]:
    """Put a backslash before everything that parse would not take for text."""
    closings = Closings(lines)
    escaped: list[str] = []
    while (index := len(escaped)) < len(lines):
        line = split_prefix(lines[index])
        fence = fence_of(line)
        end = None if fence is None else closings.end_of(fence, index)
        if end is not None:
            escaped += lines[index : end + 1]
        elif template_reader.is_special(line):
            escaped.append(f"{line.prefix}\\{line.core}")
        else:
            escaped.append(lines[index])
    return escaped


def _needs_exact(name: str, value: str) -> bool:
    first, _, _ = value.partition("\n")
    _, _, last = value.rpartition("\n")
    return not first.strip() or not last.strip() or template_reader.is_placeholder(name, first)


def _fits_beside_label(text: str) -> bool:
    return "\n" not in text and template_reader.beside_label(text) == text
