"""What a run's results mean: a verdict, ranked causes with the evidence of each, and what would decide (`FORMAT` 1).

The JSON object:
  format       1; grows by new keys only, a change of meaning is a new number
  verdict      healthy | diagnosed | inconclusive | could_not_look
  causes       likeliest first: {code, title, sentence, subject, service, category, severity, score (0 to 1),
               warns_only, evidence [span], explains {causes [{code, subject}], findings [{check, code, target,
               message}]}, missing (codes that it predicts and nobody saw), actions (slugs), how_to (page below docs/)}
  refuted      {code, subject, sentence, reason, evidence [span]}
  unexplained  failed findings that no cause accounts for: {check, code, target, message, evidence [span]}
  deciding     {check, because} of an inconclusive diagnosis: the one check that would decide; else null
  changed      what is not as it was when a run last saw no failure, nearest to the first cause first: {check, target,
               service, what, before, after, unit, since (ISO 8601 or ""), sentence, evidence [span]}
  suggested    {category, severity, actions} for the incident; null where there is no cause
  coverage     {looked, could_not_look, skipped, not_applicable}: lists of {check, code, message, prerequisite}, by slug
  span         {check, evidence, first_line, last_line}: 1-based lines of the content of that check's evidence

The same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from diagnostics.checks.result import State
from diagnostics.diagnosis.changes import Before, Change, changes_since
from diagnostics.diagnosis.coverage import Coverage
from diagnostics.diagnosis.observed import Observation, Observed, Span
from diagnostics.diagnosis.ranker import Candidate, Ranking, Refuted, Root, rank

FORMAT = 1
SEVERITY_OF_WARNING = "low"
CHANGE_KEYS = ("check", "target", "service", "what", "before", "after", "unit", "since", "sentence")
MAX_FINDINGS = 30  # that one cause explains and that are told by name

Json = dict[str, Any]


class Conclusion(StrEnum):
    """What a diagnosis comes to."""

    HEALTHY = "healthy"  # nothing failed, and whatever applies was looked at
    DIAGNOSED = "diagnosed"  # something failed, and there is a cause for it
    INCONCLUSIVE = "inconclusive"  # something failed without a known cause, or could not be looked at
    COULD_NOT_LOOK = "could_not_look"  # nothing was looked at


@dataclass(frozen=True, slots=True)
class Deciding:
    """The check that would decide, and why it has not."""

    check: str
    because: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The meaning of one run's results."""

    conclusion: Conclusion
    ranking: Ranking
    deciding: Deciding | None
    coverage: Coverage
    changed: tuple[Change, ...] = ()

    @property
    def roots(self) -> tuple[Root, ...]:
        """Give the causes, likeliest first; those behind failures before those behind mere warnings."""
        return tuple(sorted(self.ranking.roots, key=lambda root: warns_only(root.candidate)))

    @property
    def nearest_changes(self) -> tuple[Change, ...]:
        """Give what changed, that of the likeliest cause's service first."""
        first = {root.candidate.service or root.candidate.subject for root in self.roots[:1]}
        return tuple(sorted(self.changed, key=lambda one: first.isdisjoint({one.service, one.target})))

    def as_json(self) -> Json:
        """Give the documented JSON form."""
        causes = [_root(root) for root in self.roots]
        return {
            "format": FORMAT,
            "verdict": self.conclusion.value,
            "causes": causes,
            "refuted": [_refuted(one) for one in self.ranking.refuted],
            "unexplained": [{**_finding(one), "evidence": _spans(one.spans)} for one in self.ranking.unexplained],
            "deciding": asdict(self.deciding) if self.deciding else None,
            "changed": [_change(one) for one in self.nearest_changes],
            "suggested": {name: causes[0][name] for name in ("category", "severity", "actions")} if causes else None,
            "coverage": self.coverage.as_json(),
        }


def diagnose(observed: Observed, before: Before | None = None) -> Diagnosis:
    """Say what a run's results mean, and what changed since `before`, when nothing had failed."""
    ranking = rank(observed)
    conclusion = _conclusion(observed, ranking)
    deciding = _deciding(observed, ranking) if conclusion is Conclusion.INCONCLUSIVE else None
    changed = changes_since(before, observed.observations) if before else ()
    return Diagnosis(conclusion, ranking, deciding, Coverage.of(observed.answers), changed)


def warns_only(candidate: Candidate) -> bool:
    """Say whether nothing failed for this cause yet."""
    return all(one.state is not State.FAIL for one in (*candidate.seen, *candidate.also_seen))


def _conclusion(observed: Observed, ranking: Ranking) -> Conclusion:
    if any(not warns_only(root.candidate) for root in ranking.roots):
        return Conclusion.DIAGNOSED
    if not any(one.has_looked for one in observed.answers):
        return Conclusion.COULD_NOT_LOOK
    has_open_ends = any(one.could_not_look or one.is_waiting for one in observed.answers)
    return Conclusion.INCONCLUSIVE if ranking.unexplained or has_open_ends else Conclusion.HEALTHY


def _deciding(observed: Observed, ranking: Ranking) -> Deciding | None:
    """Choose the check that others wait for; else what the unexplained finding asks for next."""
    answers = {one.check: one for one in observed.answers}
    for seen in ranking.unexplained:
        for following in answers[seen.check].next_checks:
            return Deciding(following, f"it would tell more of: {seen.message}")
    failed = [one for one in observed.answers if one.could_not_look]
    waiting = [one for one in observed.answers if one.is_waiting]
    for one in sorted(failed, key=lambda one: -sum(other.prerequisite == one.check for other in waiting)):
        return Deciding(one.check, f"it could not look: {one.message}")
    for one in waiting:
        return Deciding(one.check, one.message)
    for seen in ranking.unexplained:
        return Deciding(seen.check, f"no cause is known for: {seen.message}")
    return None


def _root(root: Root) -> Json:
    one, cause = root.candidate, root.candidate.cause
    return {
        "code": cause.slug,
        "title": cause.title,
        "sentence": one.sentence,
        "subject": one.subject,
        "service": one.service,
        "category": cause.category,
        "severity": SEVERITY_OF_WARNING if warns_only(one) else cause.severity,
        "score": one.score,
        "warns_only": warns_only(one),
        "evidence": _spans(one.spans),
        "explains": {
            "causes": [{"code": folded.cause.slug, "subject": folded.subject} for folded in root.folded],
            "findings": [_finding(seen) for seen in root.explained[:MAX_FINDINGS]],
        },
        "missing": list(one.absent),
        "actions": list(cause.actions),
        "how_to": cause.how_to,
    }


def _refuted(one: Refuted) -> Json:
    candidate = one.candidate
    return {
        "code": candidate.cause.slug,
        "subject": candidate.subject,
        "sentence": candidate.sentence,
        "reason": one.reason,
        "evidence": _spans(one.by.spans),
    }


def _finding(seen: Observation) -> Json:
    return {"check": seen.check, "code": seen.code, "target": seen.target, "message": seen.message}


def _change(one: Change) -> Json:
    told = {name: getattr(one, name) for name in CHANGE_KEYS}
    return {**told, "evidence": _spans(one.spans)}


def _spans(spans: Iterable[Span]) -> list[Json]:
    return list(_as_dicts(spans))


def _as_dicts(spans: Iterable[Span]) -> Iterator[Json]:
    return (asdict(span) for span in spans)
