"""What a cause is: the signs that show it, what else would be seen, what speaks against it, what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from diagnostics.checks.result import State
from diagnostics.diagnosis.observed import Observation

FAILING = frozenset({State.FAIL})
TROUBLED = frozenset({State.FAIL, State.WARN})
ANY = frozenset(State)
FRESH_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Sign:
    """What an observation must be like: its code (a shell pattern), its state, and what else tells it from others."""

    code: str
    certainty: float = 0.9  # that this cause is there when only this is seen
    states: frozenset[State] = FAILING
    where: Callable[[Observation], bool] | None = None
    subject: Callable[[Observation], str] | None = None  # what the cause is about; else the observation's own subject
    mended_by: tuple[str, ...] = ()  # codes that, passing for the same subject, say that it was and is no more

    def matches(self, seen: Observation) -> bool:
        """Say whether an observation is this sign."""
        return (
            seen.state in self.states
            and (seen.code == self.code or ("*" in self.code and fnmatchcase(seen.code, self.code)))
            and (self.where is None or self.where(seen))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that may be wrong with a stack, stated over codes and relations and never over names of one stack.

    `explains` are codes (shell patterns) of what follows: of the subject, of services that stand on it, and of what no
    service is known for; with `explains_everywhere` of any service.
    """

    slug: str
    title: str  # what is wrong, in a few words
    category: str  # of an incident
    severity: str  # of an incident
    sentence: str  # plain words about {subject}: a service, or a path or address where no service is known
    signs: tuple[Sign, ...]
    supported_by: tuple[Sign, ...] = ()  # makes it more certain where it is seen, of the subject or what stands on it
    expects: tuple[Sign, ...] = ()  # would be seen, too, where their check looked
    refuted_by: tuple[Sign, ...] = ()  # of the same subject
    explains: tuple[str, ...] = ()
    explains_everywhere: tuple[str, ...] = ()
    remedy: tuple[str, ...]  # steps for people: confirm by looking, repair, then see which check passes again
    is_enough_alone: bool = True  # or else two different signs are needed
    actions: tuple[str, ...] = ()  # recovery actions, by slug
    check_of: tuple[str, ...] = ()  # checks that would decide where nothing else does

    @property
    def how_to(self) -> str:
        """Give the page that tells what to do, below docs/."""
        return f"causes/{self.slug}.md"


def codes(*names: str, certainty: float = 0.9, states: frozenset[State] = FAILING) -> tuple[Sign, ...]:
    """Give a sign for each code."""
    return tuple(Sign(name, certainty, states) for name in names)


def said_lately(
    *signatures: str, certainty: float = 0.35, within_seconds: float = FRESH_SECONDS, mended_by: tuple[str, ...] = ()
) -> tuple[Sign, ...]:
    """Give signs for known log lines that were just written; alone they show nothing: it may be mended."""

    def is_fresh(seen: Observation) -> bool:
        age = seen.measured.get("last_seen")
        return isinstance(age, int | float) and age <= within_seconds

    return tuple(Sign(f"log.{one}", certainty, ANY, where=is_fresh, mended_by=mended_by) for one in signatures)


def part_is(*parts: str) -> Callable[[Observation], bool]:
    """Take only observations about these files of a TLS set, whatever else a file is."""
    return lambda seen: not seen.parts.isdisjoint(parts)
