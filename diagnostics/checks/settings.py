"""The variables that a service needs: each with its value, or with what is the matter; values never leave a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from diagnostics.probes.errors import FileUnusable
from diagnostics.stack import Service

MAX_SECRET_BYTES = 64 * 1024
FILE_SUFFIX = "_FILE"


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of a service; `value` is None where it has none, or where it is there and not seen."""

    name: str
    value: str | None = field(repr=False)
    trouble: str = ""  # missing, empty or file_unusable
    why: str = ""


def wanted_names(service: Service) -> list[str]:
    """Give the names that a service needs, each once."""
    return list(dict.fromkeys(service.required_environment))


def setting(name: str, found: Mapping[str, str], read: Callable[[str], bytes]) -> Setting:
    """Find a value in an environment, or in the file that NAME_FILE names, or what is the matter with it."""
    value, place = found.get(name), found.get(name + FILE_SUFFIX)
    if value is None and place:
        try:
            data = read(place)
        except FileUnusable as unusable:
            return Setting(name, None, "file_unusable", unusable.text)
        value = data.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if value is None:
        return Setting(name, None, "missing")
    return Setting(name, value, "" if value.strip().strip("'\"") else "empty")
