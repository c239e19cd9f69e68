"""How much of something limited is used, held against a limit for a warning and one for a failure."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostics.checks.result import Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing

WARN_PERCENT, FAIL_PERCENT = 90.0, 95.0


@dataclass(frozen=True, slots=True)
class Share:
    """A share in percent, what it means, and the limit that says so (that of the warning while there is room)."""

    percent: float
    state: State
    threshold: Threshold

    @property
    def measured(self) -> dict[str, Measurement]:
        """Give it as a finding has it."""
        return {"share": Measurement(round(self.percent, 1), "%")}


def share_of(seeing: Seeing, *, used: float, of: float, reference: str, prefix: str = "") -> Share:
    """Judge a share by the thresholds `percent` and `fail_percent`, whose names may have a prefix."""
    warn = seeing.threshold(f"{prefix}percent", WARN_PERCENT, unit="%", reference=reference)
    fail = seeing.threshold(f"{prefix}fail_percent", FAIL_PERCENT, unit="%", reference=reference)
    percent = 100 * used / of if of > 0 else 0.0
    if percent >= fail.value:
        return Share(percent, State.FAIL, fail)
    return Share(percent, State.WARN if percent >= warn.value else State.PASS, warn)
