"""Coverage: which checks of a run looked, and which did not and why, as it is kept, printed and shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from diagnostics.diagnosis.observed import Answer

WORDS = {  # of each list, in the order of the line
    "looked": "looked",
    "could_not_look": "could not look",
    "skipped": "skipped",
    "not_applicable": "not applicable",
}


@dataclass(frozen=True, slots=True)
class Covered:
    """How one check ended."""

    check: str
    code: str
    message: str
    prerequisite: str  # the check that has to be right first, or empty


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which checks looked, and which did not and why."""

    looked: tuple[Covered, ...] = ()
    could_not_look: tuple[Covered, ...] = ()  # error
    skipped: tuple[Covered, ...] = ()  # a prerequisite failed, or the check held itself back
    not_applicable: tuple[Covered, ...] = ()  # the stack describes nothing for it

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Self:
        """Sort checks by whether they looked."""
        kinds: dict[str, list[Covered]] = {name: [] for name in WORDS}
        for one in answers:
            kinds[_kind(one)].append(Covered(one.check, one.code, one.message, one.prerequisite))
        return cls(**{name: tuple(covered) for name, covered in kinds.items()})

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(**{name: tuple(Covered(**one) for one in document[name]) for name in WORDS})

    def as_json(self) -> dict[str, list[dict[str, str]]]:
        """Give the documented JSON form."""
        return {name: [asdict(one) for one in getattr(self, name)] for name in WORDS}

    def reasons(self) -> Iterator[tuple[str, str, str]]:
        """Give of every check that did not look the word for it, its slug, and why."""
        for one in self.could_not_look:
            yield WORDS["could_not_look"], one.check, f"{one.message} ({one.code})"
        for name in ("skipped", "not_applicable"):
            yield from ((WORDS[name], one.check, one.message) for one in getattr(self, name))

    def __str__(self) -> str:
        """Give the coverage in one line."""
        numbers = {word: len(getattr(self, name)) for name, word in WORDS.items()}
        total = sum(numbers.values())
        told = ", ".join(f"{number} {word}" for word, number in numbers.items() if number)
        return f"{total} check{'' if total == 1 else 's'}" + (f": {told}" if told else "")


def _kind(one: Answer) -> str:
    if one.could_not_look:
        return "could_not_look"
    if one.has_looked:
        return "looked"
    return "skipped" if one.is_waiting else "not_applicable"
