"""Labels of sections: which section of the template a line starts, in the dresses that people give it."""

from __future__ import annotations

from typing import NamedTuple

from awe_incidents.incidents.fences import Prefixed

LABEL_LIMIT = 80  # characters; a longer label is none of ours


class Section(NamedTuple):
    """A section of the template: its label and the hint that stands there before somebody answers."""

    label: str
    hint: str


SECTIONS = {
    "environment": Section("Environment", "Development/Staging/Production"),
    "docker_compose_version": Section("Docker Compose Version", "docker-compose version"),
    "container_logs": Section("Container Logs", "Relevant log excerpts"),
    "steps_to_reproduce": Section("Steps to Reproduce", "Detailed reproduction steps"),
    "expected_behavior": Section("Expected Behavior", "What should happen"),
    "actual_behavior": Section("Actual Behavior", "What actually happens"),
    "screenshots": Section("Screenshots", "If applicable"),
}
Marker = tuple[str, str]  # the field whose section starts on a line, and the text beside its label


def marker(line: Prefixed) -> Marker | None:
    """Give the section that a bold label or a heading starts."""
    if line.is_deep:
        return None
    if line.core.startswith(("**", "__")):
        return _bold_marker(line.core)
    if line.core.startswith("#"):
        heading = line.core.lstrip("#").strip().rstrip("#").rstrip()
        return _bold_marker(heading) or _plain_label(heading) or _label(heading, "")
    return None


def plain_marker(line: Prefixed) -> Marker | None:
    """Give the section that a plain label with a colon starts."""
    return None if line.is_deep else _plain_label(line.core)


def _bold_marker(core: str) -> Marker | None:
    closing = core.find(core[:2], 2, LABEL_LIMIT) if core.startswith(("**", "__")) else -1
    if closing < 0:
        return None
    label, rest = core[2:closing].rstrip(), core[closing + 2 :].lstrip()
    if rest.startswith((":", "\uff1a")):
        return _label(label, rest[1:])
    return _label(label, rest) if label.endswith(":") or not rest else None


def _plain_label(core: str) -> Marker | None:
    colon = core.find(":", 0, LABEL_LIMIT)
    return None if colon < 0 else _label(core[:colon], core[colon + 1 :])


def _label(label: str, rest: str) -> Marker | None:
    name = _FIELD_OF_LABEL.get(folded(label))
    return None if name is None else (name, rest)


def folded(label: str) -> str:
    """Give the words of a label: lower case, American, without number, punctuation or emoji; "" for a long text."""
    if len(label) > LABEL_LIMIT:
        return ""
    words = "".join(char if char.isalnum() else " " for char in label.casefold()).split()
    return " ".join("behavior" if word == "behaviour" else word for word in words if not word.isdecimal())


_FIELD_OF_LABEL = {folded(section.label): name for name, section in SECTIONS.items()}
