"""Rank causes: forward from signs, checked against what each predicts, folded under what explains them.

A cause is a candidate for each subject that one of its signs names. Its certainty is that of its signs together, each
kind of sign counted once, and of what supports it; a prediction that a check could have seen and did not takes some of
it; what contradicts it refutes it. A candidate whose signs are all explained by another one folds under that one. The
same observations give the same diagnosis, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from diagnostics.checks.result import State
from diagnostics.diagnosis.catalog import all_causes
from diagnostics.diagnosis.cause import Cause, Sign
from diagnostics.diagnosis.observed import Observation, Observed, Span

LEAST_SCORE = 0.4  # what is less likely is not shown
ABSENT = 0.85  # of its certainty is left for each prediction that did not come true
MAX_SPANS = 12  # of a cause


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause that is there for all that is known, or was refuted."""

    cause: Cause
    subject: str
    service: str  # "" where the subject is none
    seen: tuple[Observation, ...]  # its signs
    also_seen: tuple[Observation, ...] = ()  # its predictions that came true
    absent: tuple[str, ...] = ()  # codes of predictions that did not
    score: float = 0.0

    @property
    def spans(self) -> tuple[Span, ...]:
        """Give the evidence that it is cited by, its signs' first."""
        found = dict.fromkeys(span for one in (*self.seen, *self.also_seen) for span in one.spans)
        return tuple(found)[:MAX_SPANS]

    @property
    def key(self) -> tuple[str, str]:
        """Give what tells it from other candidates."""
        return (self.cause.slug, self.subject)

    @property
    def sentence(self) -> str:
        """Say in one plain sentence what is wrong."""
        return self.cause.sentence.format(subject=self.subject)


@dataclass(frozen=True, slots=True)
class Refuted:
    """A candidate that something speaks against."""

    candidate: Candidate
    by: Observation

    @property
    def reason(self) -> str:
        """Say what speaks against it."""
        return f"refuted because {self.by.message}"


@dataclass(frozen=True, slots=True)
class Root:
    """A cause that nothing else explains, with what follows from it."""

    candidate: Candidate
    folded: tuple[Candidate, ...]  # causes that would be there for the same reason
    explained: tuple[Observation, ...]  # red lines that follow from it


@dataclass(frozen=True, slots=True)
class Ranking:
    """All roots, most likely first; what was refuted; red lines that no cause accounts for."""

    roots: tuple[Root, ...]
    refuted: tuple[Refuted, ...]
    unexplained: tuple[Observation, ...]


def rank(observed: Observed) -> Ranking:
    """Give the causes of what was observed."""
    candidates, refuted = list[Candidate](), list[Refuted]()
    for candidate in _candidates(observed):
        contradiction = _contradiction(candidate, observed)
        if contradiction is not None:
            refuted.append(Refuted(candidate, contradiction))
        elif candidate.score >= LEAST_SCORE and candidate.spans:
            candidates.append(candidate)
    explanations = {one.key: frozenset(_explained_by(one, observed)) for one in candidates}
    candidates.sort(key=lambda one: _order(one, explanations, observed))
    roots = tuple(_roots(candidates, explanations, observed))
    accounted = {one.key for root in roots for one in (*root.candidate.seen, *root.candidate.also_seen)}
    accounted |= {one.key for root in roots for one in root.explained}
    accounted |= {one.key for root in roots for folded in root.folded for one in folded.seen}
    red = (one for one in observed.observations if one.state is State.FAIL)
    return Ranking(
        roots=roots,
        refuted=tuple(sorted(refuted, key=lambda one: one.candidate.key)),
        unexplained=tuple(one for one in red if one.key not in accounted),
    )


def _candidates(observed: Observed) -> Iterator[Candidate]:
    for cause in all_causes().values():
        by_subject: dict[str, list[tuple[Sign, Observation]]] = {}
        for seen in observed.observations:
            for sign in cause.signs:
                if sign.matches(seen) and not _is_mended(sign, seen, observed):
                    subject = sign.subject(seen) if sign.subject else seen.subject
                    by_subject.setdefault(subject, []).append((sign, seen))
                    break
        for subject, pairs in sorted(by_subject.items()):
            if cause.is_enough_alone or len({sign.code for sign, _ in pairs}) > 1:
                yield _candidate(cause, subject, pairs, observed)


def _is_mended(sign: Sign, sign_seen: Observation, observed: Observed) -> bool:
    """Say whether what was written down a moment ago works now that it is looked at."""
    return bool(sign.mended_by) and any(
        seen.state is State.PASS and seen.code in sign.mended_by and seen.subject == sign_seen.subject
        for seen in observed.observations
    )


def _candidate(cause: Cause, subject: str, pairs: Sequence[tuple[Sign, Observation]], observed: Observed) -> Candidate:
    doubt = 1.0
    for certainty in _by_code(pairs).values():
        doubt *= 1 - certainty
    also, absent, looked = list[Observation](), list[str](), _codes_seen_by_check(observed)
    for sign in cause.supported_by:
        found = [seen for seen in observed.observations if sign.matches(seen) and _concerns(seen, subject, observed)]
        doubt *= 1 - sign.certainty if found else 1
        also += found
    for sign in cause.expects:
        found = [seen for seen in observed.observations if sign.matches(seen) and _concerns(seen, subject, observed)]
        also += found
        if not found and _could_have_been_seen(sign, looked):
            absent.append(sign.code)
    return Candidate(
        cause=cause,
        subject=subject,
        service=subject if subject in observed.topology.roles else "",
        seen=tuple(_unique(seen for _, seen in pairs)),
        also_seen=tuple(_unique(also)),
        absent=tuple(absent),
        score=round((1 - doubt) * ABSENT ** len(absent), 4),
    )


def _by_code(pairs: Sequence[tuple[Sign, Observation]]) -> Mapping[str, float]:
    certainties: dict[str, float] = {}
    for sign, _ in pairs:
        certainties[sign.code] = max(certainties.get(sign.code, 0.0), sign.certainty)
    return certainties


def _codes_seen_by_check(observed: Observed) -> frozenset[str]:
    """Give the families of codes that a look gave anything of: a prediction can be missed only by who looked."""
    return frozenset(
        one.code.partition(".")[0] for one in observed.observations if one.state in {State.PASS, State.WARN, State.FAIL}
    )


def _could_have_been_seen(sign: Sign, families: frozenset[str]) -> bool:
    return sign.code.partition(".")[0] in families


def _contradiction(candidate: Candidate, observed: Observed) -> Observation | None:
    for sign in candidate.cause.refuted_by:
        for seen in observed.observations:
            if sign.matches(seen) and seen.subject == candidate.subject:
                return seen
    return None


def _concerns(seen: Observation, subject: str, observed: Observed) -> bool:
    """Say whether an observation may have to do with a subject: its own, of who stands on it, or of nobody known."""
    if not seen.service or subject not in observed.topology.roles:
        return True
    return observed.topology.stands_on(seen.service, subject)


def _explained_by(candidate: Candidate, observed: Observed) -> Iterator[tuple[str, str, str]]:
    own = {one.key for one in candidate.seen}
    for seen in observed.observations:
        if not _wants_explaining(seen) or seen.key in own:
            continue
        if _fits(seen.code, candidate.cause.explains_everywhere) or (
            _fits(seen.code, candidate.cause.explains) and _concerns(seen, candidate.service, observed)
        ):
            yield seen.key


def _wants_explaining(seen: Observation) -> bool:
    """Say whether something is wrong, or is a known line of a log, which is a hint of it."""
    return seen.state in {State.FAIL, State.WARN, State.ERROR} or seen.code.startswith("log.")


def _fits(code: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns)


def _order(
    candidate: Candidate, explanations: Mapping[tuple[str, str], frozenset[tuple[str, str, str]]], observed: Observed
) -> tuple[object, ...]:
    """Sort by certainty in steps, then by how much it explains, then by how many services stand on it."""
    explained = len(explanations[candidate.key])
    depth = observed.topology.depth(candidate.service) if candidate.service else 0
    return (-round(candidate.score, 1), -explained, -depth, -candidate.score, *candidate.key)


def _roots(
    candidates: Sequence[Candidate],
    explanations: Mapping[tuple[str, str], frozenset[tuple[str, str, str]]],
    observed: Observed,
) -> Iterator[Root]:
    """Give who is explained by nobody but those whom it explains itself; of such a circle the likeliest."""
    above = _above(candidates, explanations)
    places = {one.key: place for place, one in enumerate(candidates)}
    is_root = {
        one.key: all(one.key in above[other] and places[one.key] <= places[other] for other in above[one.key])
        for one in candidates
    }
    under = {key: next((root for root in places if is_root[root] and root in above[key]), key) for key in places}
    for root in (one for one in candidates if is_root[one.key]):
        folded = tuple(one for one in candidates if not is_root[one.key] and under[one.key] == root.key)
        keys = explanations[root.key].union(*(explanations[one.key] for one in folded))
        explained = (one for one in observed.observations if one.key in keys and one.state is State.FAIL)
        yield Root(root, folded, tuple(_unique(explained)))


def _above(
    candidates: Sequence[Candidate], explanations: Mapping[tuple[str, str], frozenset[tuple[str, str, str]]]
) -> Mapping[tuple[str, str], frozenset[tuple[str, str]]]:
    """Give for each candidate all that explain it: those that account for all its signs, and whoever explains them."""
    signs = {one.key: frozenset(seen.key for seen in one.seen) for one in candidates}
    reached = {
        key: frozenset(other for other in signs if other != key and signs[key] <= explanations[other] | signs[other])
        for key in signs
    }
    while True:
        further = {key: above.union(*(reached[one] for one in above)) for key, above in reached.items()}
        if further == reached:
            return reached
        reached = further


def _unique(observations: Iterable[Observation]) -> Iterator[Observation]:
    return iter({one.key: one for one in observations}.values())
