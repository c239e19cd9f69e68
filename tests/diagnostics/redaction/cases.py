"""The case files: given ones beside the checkout, and our own corpus."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
DESIGN = Path(os.environ.get("AWE_DESIGN_DIR", Path(__file__).resolve().parents[3] / "../shared/design"))
GIVEN = DESIGN / "redaction_cases.json"


@dataclass(frozen=True)
class Case:
    """A text, what must be gone from it and what must stay in it."""

    name: str
    text: str
    secrets: tuple[str, ...]
    keep: tuple[str, ...]

    def leaks(self, redacted: str) -> list[str]:
        """Give the secrets that are still there."""
        return [secret for secret in self.secrets if secret in redacted]

    def damage(self, redacted: str) -> list[str]:
        """Give what should have stayed and did not."""
        return [kept for kept in self.keep if kept not in redacted]


def read_cases(path: Path) -> list[Case]:
    """Read one file in the given format."""
    return [
        Case(entry["name"], entry["text"], tuple(entry["secrets"]), tuple(entry["keep"]))
        for entry in json.loads(path.read_text(encoding="utf-8"))
    ]


def own_cases() -> list[Case]:
    """Read the whole corpus."""
    return [case for path in sorted(CORPUS.glob("*.json")) for case in read_cases(path)]
