"""What the runs of an incident saw in the security log of its stack: events that our trail knows nothing of."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from awe_incidents.accounts.models import User
from awe_incidents.incidents.queries import visible_runs
from awe_incidents.monthly import made_since
from diagnostics.checks.login_samples import Sample, samples_in
from diagnostics.models import CheckResult, Evidence
from diagnostics.probes.security_events import Kind

CHECK = "auth.security_log"
MAX_RUNS = 20  # newest ones of the incident
MAX_LINES, MAX_BYTES = 500, 262_144  # of one piece of evidence; the check keeps fewer
WORDS: Mapping[Kind, str] = {
    Kind.FAILURE: "login or token refused",
    Kind.LOCKOUT: "account locked",
    Kind.ALG_NONE: "unsigned token shown",
    Kind.ALG_REFUSED: "token of a refused algorithm",
    Kind.SUCCESS: "login",
}


class SeenBy(NamedTuple):
    """A run that saw an event, and the evidence that says so."""

    run_id: int
    evidence_id: int


@dataclass(slots=True)
class StackEvent:
    """One event of a stack's own log, or several that nothing tells apart."""

    sample: Sample
    source: str
    times: int = 1
    seen_by: list[SeenBy] = field(default_factory=list)

    @property
    def at(self) -> datetime:
        """Give the time that the log has."""
        return self.sample.at

    @property
    def words(self) -> str:
        """Say what happened."""
        return WORDS.get(self.sample.kind, self.sample.kind)


def stack_events(incident_id: int, user: User) -> list[StackEvent]:
    """Give what the newest runs of an incident saw, newest first; what several saw is there once."""
    runs = visible_runs(user).filter(incident_runs__incident=incident_id).order_by("-pk")
    requested = dict(runs.values_list("pk", "requested_at")[:MAX_RUNS])
    if not requested:
        return []
    events: dict[tuple[str, Sample], StackEvent] = {}
    results = dict(
        CheckResult.objects.filter(made_since(min(requested.values())), run__in=list(requested), slug=CHECK)
        .order_by("run_id")
        .values_list("pk", "run_id")
    )
    for piece in _pieces(list(results), since=min(requested.values())):
        for sample, times in Counter(samples_in(_lines(bytes(piece.text.compressed)))).items():
            event = events.setdefault((piece.source, sample), StackEvent(sample, piece.source))
            event.times = max(event.times, times)
            event.seen_by.append(SeenBy(results[piece.result_id], piece.pk))
    for event in events.values():
        event.seen_by.sort()
    return sorted(events.values(), key=lambda event: event.at, reverse=True)


def between(events: Sequence[StackEvent], *, after: datetime | None, until: datetime | None) -> list[StackEvent]:
    """Give the events behind a time, up to and with another one."""
    return [one for one in events if (after is None or one.at > after) and (until is None or one.at <= until)]


def _pieces(results: Sequence[int], *, since: datetime) -> QuerySet[Evidence]:
    pieces = Evidence.objects.filter(made_since(since), result__in=results, kind="log_excerpt").select_related("text")
    return pieces.only("source", "result_id", "text__compressed").order_by("pk")


def _lines(compressed: bytes) -> Iterator[str]:
    text = zlib.decompressobj().decompress(compressed, MAX_BYTES).decode(errors="replace")
    yield from text.split("\n")[:MAX_LINES]
