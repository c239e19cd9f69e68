"""Read a report that was kept, to compare a later look with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostics.diagnosis.changes import Before
from diagnostics.diagnosis.observed import Observed
from diagnostics.looking.report import FORMAT
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.files import read_bounded
from diagnostics.stack import StackConfig

MAX_BYTES = 200_000_000
COULD_NOT = {"skip", "error"}


class ReportUnusable(Exception):
    """The file holds no report that a look can be compared with."""


def read_before(path: Path, *, stack: StackConfig) -> Before:
    """Read what `--json` printed of this stack.

    Raises: ReportUnusable.
    """
    try:
        document = json.loads(read_bounded(path, max_bytes=MAX_BYTES))
    except FileUnusable as unusable:
        raise ReportUnusable(f"--before: {unusable.text}") from None
    except (ValueError, RecursionError):
        raise ReportUnusable(f"--before: {path} is no JSON; keep what --json prints") from None
    try:
        return _before(document, stack)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ReportUnusable(f"--before: {path} is no report of --json, format {FORMAT}") from None


def _before(document: Mapping[str, Any], stack: StackConfig) -> Before:
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    if document["stack"]["name"] != stack.name:
        raise ReportUnusable(f"--before: that is a report of stack {document['stack']['name']!r}, not {stack.name!r}")
    rows = [row for row in document["results"] if row["state"] not in COULD_NOT]
    return Before(
        Observed.of_stored(rows, stack=stack).observations, {row["check"]: str(row["started_at"]) for row in rows}
    )
