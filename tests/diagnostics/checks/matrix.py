"""The matrix of checks and situations: what each check says when healthy, at its fault, blind, and kept waiting.

A test calls `shows` with what it just saw. The committed `docs/check-matrix.json` must say the same; with
AWE_WRITE_MATRIX=1 it is written instead, and `make fix` draws `docs/check-matrix.md` of it.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Final

from diagnostics.checks.result import Result

PLACE: Final = Path(__file__).resolve().parents[3] / "docs" / "check-matrix.json"
HEALTHY: Final = "healthy"
MISSING: Final = "prerequisite missing"
HANGING: Final = "target hanging"


def fault(what: str) -> str:
    """Name the situation of a fault that was really made, in a few plain words."""
    return f"fault: {what}"


def shows(situation: str, result: Result) -> None:
    """Hold what a check says in a situation against the matrix: the state of the result, and its leading code."""
    seen = f"{result.state.value} {result.leading.code}"
    if os.environ.get("AWE_WRITE_MATRIX"):
        _write(result.check, situation, seen)
        return
    known = json.loads(PLACE.read_text()).get(result.check, {}).get(situation)
    assert known == seen, f"{result.check}, {situation}: {seen}; the matrix says {known} (AWE_WRITE_MATRIX=1 writes it)"


def _write(slug: str, situation: str, seen: str) -> None:
    with PLACE.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # workers of xdist write, too
        file.seek(0)
        matrix = json.loads(file.read() or "{}")
        matrix.setdefault(slug, {})[situation] = seen
        ordered = {check: dict(sorted(matrix[check].items())) for check in sorted(matrix)}
        file.truncate(0)
        file.write(json.dumps(ordered, indent=1) + "\n")
