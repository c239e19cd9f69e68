"""Lines of one service's logs that signatures know: hints, each with its first and last line, that change no state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State
from diagnostics.probes.timestamps import stamp_of
from diagnostics.signatures import Signature, known_lines, signature

SHOWN = 20  # different signatures of one service


@dataclass(slots=True)
class Hit:
    """One signature's lines: how many, the first and the last."""

    signature: Signature
    first: Citation
    last: Citation
    last_at: datetime | None  # as its line says
    lines: int = 1


@dataclass(slots=True)
class Recognized:
    """What signatures know of one service's logs."""

    hits: dict[str, Hit] = field(default_factory=dict)

    def read(self, evidence: Evidence) -> set[int]:
        """Match redacted lines, and give the positions of those that are known, 1-based."""
        known, lines = set(), evidence.content.split("\n")
        for position, ids in known_lines().hits(evidence.content):
            known.add(position)
            stamp = stamp_of(lines[position - 1].encode())
            for one in ids:
                self._note(signature(one), evidence.lines(position), stamp.at if stamp else None)
        return known

    def _note(self, known: Signature, place: Citation, at: datetime | None) -> None:
        hit = self.hits.get(known.id)
        if hit is None:
            self.hits[known.id] = Hit(known, place, place, at)
        else:
            hit.lines, hit.last, hit.last_at = hit.lines + 1, place, at or hit.last_at

    @property
    def left_out(self) -> int:
        """Say how many signatures are not shown."""
        return max(len(self.hits) - SHOWN, 0)

    @property
    def has_trouble(self) -> bool:
        """Say whether anything was said that healthy programs do not say."""
        return any(not hit.signature.ordinary for hit in self.hits.values())

    def findings(self, service: str, *, now: datetime) -> Iterator[Finding]:
        """Give a finding for each signature, the most frequent first, and of equals that of the longest pattern."""
        ranked = sorted(self.hits.values(), key=lambda hit: (-hit.lines, -len(hit.signature.pattern), hit.signature.id))
        for hit in ranked[:SHOWN]:
            one = hit.signature
            said = f"{hit.lines} line(s) are known as {one.id} ({one.program}), a hint only: {one.hints_at}"
            yield Finding(
                state=State.PASS,
                code=one.code,
                message=f"{service}: {said}",
                target=service,
                measured={"lines": Measurement(hit.lines), **_age(hit, now)},
                citations=tuple(dict.fromkeys((hit.first, hit.last))),
                next_checks=one.confirmed_by,
            )


def _age(hit: Hit, now: datetime) -> dict[str, Measurement]:
    """Say how long ago the last line was written: what was said ten minutes ago may be mended."""
    return {"last_seen": Measurement(round((now - hit.last_at).total_seconds()), "s ago")} if hit.last_at else {}
