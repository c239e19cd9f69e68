"""Probe of a compose file: its YAML, with the line where it cannot be read; nothing in it is ever carried out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.files import read_bounded

MAX_BYTES = 2_000_000
AROUND = 2  # lines shown before and after


class ComposeFileInvalid(ProbeFailure):
    """The file is no compose file; `lines` are those around the place."""

    lines: tuple[str, ...] = ()


def read_compose_file(path: Path) -> Mapping[str, Any]:
    """Give a compose file's document.

    Raises: ComposeFileInvalid (codes compose.invalid, compose.not_services), FileUnusable, NotPermitted.
    """
    data = read_bounded(path, max_bytes=MAX_BYTES)
    try:
        document = yaml.safe_load(data)  # aliases share nodes, so that nested ones cost nothing
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _invalid(path, data, error) from None
    if not isinstance(document, Mapping) or not isinstance(document.get("services"), Mapping):
        raise ComposeFileInvalid("compose.not_services", f"{path} has no `services`")
    return document


def _invalid(path: Path, data: bytes, error: Exception) -> ComposeFileInvalid:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    if mark is None:
        return ComposeFileInvalid("compose.invalid", f"{path} is no valid YAML: {problem}")
    failure = ComposeFileInvalid("compose.invalid", f"{path} is no valid YAML in line {mark.line + 1}: {problem}")
    lines = data.decode("utf-8", "replace").splitlines()
    first = max(mark.line - AROUND, 0)
    shown = lines[first : mark.line + AROUND + 1]
    failure.lines = tuple(f"{number:>5} | {line[:300]}" for number, line in enumerate(shown, start=first + 1))
    return failure
