"""Lines of one service's logs that no signature knows, and that the last good run did not have.

A service's log is a good one, and its lines are learned, when no signature hit it but ordinary ones and nothing fatal
was said that no signature knows. All services together have as many templates remembered as a baseline has keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from diagnostics.checks.baseline import MAX_KEYS
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.signatures import Cluster, Clusters

WORSE = frozenset({"fatal", "error", "warn"})
SHOWN = 10
SHOWN_CHARACTERS = 120

New = list[tuple[str, Cluster[Citation]]]


@dataclass(slots=True)
class Unheard:
    """What was said in one service's logs at level warning or worse."""

    service: str
    services: int  # of the stack, among which the baseline is shared
    clusters: Clusters[Citation] = field(default_factory=Clusters)
    has_fatal: bool = False

    def add(self, line: str, level: str, *, evidence: Evidence, position: int) -> None:
        """Take a line that no signature knows; `position` is that in the evidence, 1-based."""
        if level in WORSE:
            self.has_fatal |= level == "fatal"
            self.clusters.add(line, evidence.lines(position))

    @property
    def share(self) -> int:
        """Give how many templates of this service may be remembered, beside the number of those there were."""
        return max(MAX_KEYS // max(self.services, 1) - 1, 1)

    def finding(self, seeing: Seeing) -> Finding | None:
        """Give what is new since the last good run; None without new lines, or where no run was good yet."""
        before = seeing.baseline.last(self._marker)
        new = [pair for pair in self.clusters.frequent() if seeing.baseline.last(self._key(pair[0])) is None]
        if before is None or not new:
            return None
        doubt = "; more was said then than is remembered, so some may be old" if before > self.share else ""
        lines = sum(one.count for _, one in new)
        shown = "; ".join(f"{one.count} x {one.template[:SHOWN_CHARACTERS]}" for _, one in new[:SHOWN])
        more = f"; {len(new) - SHOWN} more kinds" if len(new) > SHOWN else ""
        said = f"{lines} line(s) of {len(new)} kind(s) that no signature knows are new since the last good run"
        return Finding(
            state=State.PASS,
            code="logs.new_since",
            message=f"{self.service}: {said}{doubt}: {shown}{more}",
            target=self.service,
            measured={"lines": Measurement(lines), "kinds": Measurement(len(new))},
            citations=tuple(one.first for _, one in new[:SHOWN]),
        )

    def learn(self, seeing: Seeing, *, has_trouble: bool) -> None:
        """Remember what was said where the log was a good one; else keep what was remembered from being crowded out."""
        if has_trouble or self.has_fatal:
            for key in seeing.baseline.values:
                if key == self._marker or key.startswith(self._key("")):
                    seeing.learn(key, seeing.baseline.last(key) or 0.0)
            return
        frequent = self.clusters.frequent()
        seeing.learn(self._marker, len(frequent))
        for digest, one in frequent[: self.share]:
            seeing.learn(self._key(digest), one.count)

    @property
    def _marker(self) -> str:
        return f"kinds of {self.service}"

    def _key(self, digest: str) -> str:
        return f"line of {self.service}: {digest}"
