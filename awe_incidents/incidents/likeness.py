"""How much two reports of one stack resemble each other: a profile of each, and a pure score of two profiles.

The score is the mean of three parts, each from 0 to 1, weighed by `WEIGHTS`; what one side lacks does not count:

- `said`: the words of what actually happened, as the person put it;
- `told`: these and the words of the telling lines of the logs together, for what one quotes another only pastes;
- `lines`: telling lines of the logs that are the same but for times, ids and numbers.

A part is the weight of the words that both share, over the weight of the side that has less; words that many problems
of a stack have in common (`COMMON_WORDS`) weigh little. Words of which rapidfuzz says that they are nearly the same
(inflections, typing errors) count as the same. Reports that share common words only are not alike, unless both say the
very same. How weights and threshold were found: docs/joining.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

import re2
from rapidfuzz import fuzz, process

from awe_incidents.incidents.stop_words import COMMON_WORDS
from awe_incidents.incidents.words import first_different, telling_words

WEIGHTS: Mapping[str, float] = {"said": 0.3, "told": 0.5, "lines": 0.2}
THRESHOLD = 0.36
ALIKE = 85.0  # of 100
COMMON_WEIGHT = 0.3  # of a common word; any other weighs 1
LEAST_WEIGHT = 2.0  # what shares less than this cannot be wholly alike, however little there is
MAX_WHY = 10  # words that answers and histories give as the reason
MAX_SAID, MAX_LOGGED, MAX_LINES = 48, 64, 16
MAX_LINE = 400  # bytes at its end
MAX_LOG = 65_536  # characters at each end of a log that are looked through

_TELLING = re2.compile(  # over UTF-8, in linear time; a log is strange text
    r"(?im)^.*(?:error|fatal|panic|critical|exception|traceback|fail|refused|denied|timeout|timed out|killed|oom|cannot"
    r"|could not|unable|expired|invalid|mismatch|exhaust|too many|no such|not found|unhealthy|warn|\b[45]\d\d\b).*$"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What of a report is compared."""

    said: frozenset[str] = frozenset()
    logged: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()  # marks of telling lines

    @property
    def told(self) -> frozenset[str]:
        """Give the words of both."""
        return self.said | self.logged


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much a profile resembles another, by parts, and the words of the first that have a counterpart."""

    score: float
    parts: Mapping[str, float] = field(default_factory=dict)
    words: tuple[str, ...] = ()  # those that weigh most first


def profile_of(*, said: str, logs: str = "") -> Profile:
    """Make the profile of a report from what actually happened and its logs."""
    lines = [list(telling_words(line)) for line in telling_lines(logs)]
    return Profile(
        said=frozenset(first_different(telling_words(said), MAX_SAID)),
        logged=frozenset(first_different((word for words in lines for word in words), MAX_LOGGED)),
        lines=frozenset(mark_of(words) for words in lines if weight_of(set(words)) >= LEAST_WEIGHT),
    )


@lru_cache(maxsize=2)  # of one report they are wanted for its profile and for its vector
def telling_lines(logs: str) -> tuple[str, ...]:
    """Give the first different lines that tell of trouble."""
    read = logs if len(logs) <= 2 * MAX_LOG else f"{logs[:MAX_LOG]}\n{logs[-MAX_LOG:]}"
    found = (match[0][-MAX_LINE:].decode(errors="ignore") for match in _TELLING.finditer(read.encode()))
    return tuple(islice(_different(found), MAX_LINES))


def _different(texts: Iterator[str]) -> Iterator[str]:
    seen = set[str]()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text


def mark_of(words: Collection[str]) -> str:
    """Give the mark of a line: the same for lines of the same words."""
    return hashlib.blake2b(" ".join(words).encode(), digest_size=6).hexdigest()


def weight_of(words: Collection[str]) -> float:
    """Add up how much words tell."""
    common = sum(word in COMMON_WORDS for word in words)
    return common * COMMON_WEIGHT + len(words) - common


def heaviest(words: Collection[str]) -> list[str]:
    """Sort words: those that tell most first, which are the long ones that are not common."""
    return sorted(words, key=lambda word: (word in COMMON_WORDS, -len(word), word))


def likeness(mine: Profile, other: Profile) -> Likeness:
    """Compare two profiles."""
    said, told = _counterparts(mine.said, other.said), _counterparts(mine.told, other.told)
    is_same = bool(mine.said) and mine.said == other.said
    if told <= COMMON_WORDS and not is_same:
        return Likeness(0.0)
    parts = {"said": 1.0 if is_same else _part(said, mine.said, other.said), "told": _part(told, mine.told, other.told)}
    if mine.lines and other.lines:
        parts["lines"] = len(mine.lines & other.lines) / min(len(mine.lines), len(other.lines))
    score = sum(WEIGHTS[name] * value for name, value in parts.items()) / sum(WEIGHTS[name] for name in parts)
    return Likeness(score, parts, tuple(heaviest(told)))


def _part(shared: Collection[str], mine: Collection[str], other: Collection[str]) -> float:
    return min(1.0, weight_of(shared) / max(LEAST_WEIGHT, min(weight_of(mine), weight_of(other))))


def _counterparts(mine: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """Give the words of the first that the second has too, or nearly."""
    same = mine & other
    rest = other - same
    return same | {
        word for word in mine - same if process.extractOne(word, rest, scorer=fuzz.ratio, score_cutoff=ALIKE)
    }
