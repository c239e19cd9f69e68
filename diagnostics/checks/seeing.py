"""What a check may use while it looks: stack, secrets, thresholds, time left, and the redacting evidence book."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from diagnostics.checks.baseline import Baseline
from diagnostics.checks.result import Evidence, Threshold
from diagnostics.checks.surroundings import Surroundings
from diagnostics.probes.could_not_look import DeadlineReached, HandoverMissing
from diagnostics.probes.legible import legible
from diagnostics.redaction import Redactor
from diagnostics.stack import SecretReference, SecretResolver, StackConfig

MAX_EVIDENCE_CHARACTERS = 5_000_000


@dataclass(frozen=True, slots=True)
class Earlier:
    """How the same check ended in an earlier run on this stack."""

    state: str
    code: str
    at: datetime


@dataclass(slots=True)
class Seeing:
    """One look's surroundings; collects evidence (redacted the moment it is kept) and what dependants need."""

    slug: str
    stack: StackConfig
    redactor: Redactor
    resolver: SecretResolver
    ends_at: float  # time.monotonic() value
    earlier: Earlier | None = None  # the last time this check really looked at this stack
    baseline: Baseline = field(default_factory=Baseline)  # what is usual for this check on this stack
    learning: dict[str, float] = field(default_factory=dict)
    surroundings: Surroundings = field(init=False)  # where the stack's services live
    handed: Mapping[str, str] = field(default_factory=dict, repr=False)  # secrets that earlier checks of the run gave
    handing: dict[str, str] = field(default_factory=dict, repr=False)
    kept: list[Evidence] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.surroundings = Surroundings(self.stack, self.seconds_left)
        self.stack = self.surroundings.with_ways()

    def now(self) -> datetime:
        """Give the present time of the machine that looks, UTC."""
        return datetime.now(UTC)

    def seconds_left(self, *, at_most: float | None = None) -> float:
        """Give the seconds until the deadline, capped by `at_most`.

        Raises: DeadlineReached when there are none.
        """
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise DeadlineReached("the check's own deadline passed before the target had answered")
        return left if at_most is None else min(left, at_most)

    def threshold(self, name: str, default: float, *, unit: str, reference: str = "ours") -> Threshold:
        """Give a limit: the stack's own where its configuration has one, else the default with its source."""
        configured = self.stack.thresholds.get(self.slug, {}).get(name)
        if configured is None:
            return Threshold(name, default, unit, "default", reference)
        return Threshold(name, configured, unit, "config")

    def usual_threshold(
        self, name: str, default: float, *, key: str, times: float, unit: str, at_least: float = 0.0
    ) -> Threshold:
        """Give a limit of so many times what is usual for `key`, and no less than `at_least`.

        A limit of the stack's own configuration goes first; without enough values it is the default.
        """
        limit = self.threshold(name, default, unit=unit)
        usual = self.baseline.usual(key)
        if limit.source == "config" or usual is None:
            return limit
        reference = f"{times:g} x the middle of {usual.count} good runs"
        return Threshold(name, max(times * usual.median, at_least), unit, "baseline", reference)

    def learn(self, key: str, value: float) -> None:
        """Give a good value, which counts for later runs; forgotten where this check fails or cannot look."""
        if math.isfinite(value):
            self.learning[key[:200]] = float(value)

    def secret(self, reference: SecretReference) -> str:
        """Reveal a secret of the stack; it never goes into a finding.

        Raises: SecretUnavailable.
        """
        return self.resolver.reveal(reference)

    def clean(self, text: str) -> str:
        """Redact a short text, e.g. a driver's error message for a finding."""
        return legible(self.redactor.text(text).text)

    def keep(
        self,
        kind: str,
        *,
        source: str,
        content: str | Sequence[str],
        first_line: int = 1,
        captured_from: datetime | None = None,
        captured_until: datetime | None = None,
        dropped_bytes: int = 0,
    ) -> Evidence:
        """Redact a text and keep it as evidence of this look."""
        text = content if isinstance(content, str) else "\n".join(content)
        if len(text) > MAX_EVIDENCE_CHARACTERS:
            half = MAX_EVIDENCE_CHARACTERS // 2
            dropped_bytes += len(text) - 2 * half
            text = f"{text[:half]}\n[... cut ...]\n{text[-half:]}"
        redacted = self.redactor.text(text)
        evidence = Evidence(
            key=f"e{len(self.kept) + 1}",
            kind=kind,
            source=self.clean(source),
            content=legible(redacted.text),
            first_line=first_line,
            captured_from=captured_from,
            captured_until=captured_until,
            rule_set_version=redacted.receipt.rule_set_version,
            redactions=dict(redacted.receipt.counts),
            dropped_bytes=dropped_bytes + redacted.receipt.dropped_bytes,
        )
        self.kept.append(evidence)
        return evidence

    def hand_over(self, name: str, value: str) -> None:
        """Give a secret value (a fresh token, say) to the checks of this run that require this one."""
        self.handing[name] = value

    def handed_over(self, name: str) -> str:
        """Take what an earlier check of the run handed over.

        Raises: HandoverMissing.
        """
        try:
            return self.handed[name]
        except KeyError:
            raise HandoverMissing(f"no earlier check of this run handed over {name}") from None
