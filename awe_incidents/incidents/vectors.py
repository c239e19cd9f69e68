"""Words as PostgreSQL's own `tsvector` and `tsquery`, in their text forms: no parser of its own touches them (pure).

A vector holds every word that a report is found by (weight D) and its profile: said (A), logged (B), marks of lines
(C), and the stack, so that one index answers for one stack. Words are letters and digits only; the prefixes cannot be
typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, combinations

from awe_incidents.incidents.likeness import Profile, heaviest, profile_of, telling_lines
from awe_incidents.incidents.template import TemplateFields
from awe_incidents.incidents.words import first_different, words_of

MAX_SEARCHED = 120  # different words that a report is found by
MAX_ASKED = 40  # words of a search
MIN_BEGINNING = 3  # letters of a word that is taken for a beginning
_BEGINNINGS = re.compile(rf"[^\W_]{{{MIN_BEGINNING},}}(?=\*)")
TELLING = 5  # words of which an incident must share two to be found beyond the newest


def vector_of(said: TemplateFields, profile: Profile, *, stack_id: int) -> str:
    """Give the vector of what a report says."""
    weighed = ((profile.said, "A"), (profile.logged, "B"), (map(_mark, profile.lines), "C"), ([_stack(stack_id)], "D"))
    places: dict[str, list[str]] = {}
    for words, weight in weighed:
        for word in words:
            places.setdefault(word, []).append(weight)
    for word in first_different(_searched(said), MAX_SEARCHED):
        places.setdefault(word, ["D"])
    return " ".join(f"'{word}':{','.join(f'{at}{w}' for at, w in enumerate(ws, 1))}" for word, ws in places.items())


def profile_of_report(said: TemplateFields) -> Profile:
    """Give the profile of what a report says."""
    return profile_of(said=said.actual_behavior, logs=said.container_logs)


def profile_of_arrays(said: Iterable[str], logged: Iterable[str], marks: Iterable[str]) -> Profile:
    """Give the profile that a vector holds, from its words of the weights A, B and C."""
    return Profile(frozenset(said), frozenset(logged), frozenset(mark[1:] for mark in marks))


def query_of_any(profile: Profile) -> str:
    """Give the query for vectors that share a word or a line with a profile."""
    return " | ".join(f"'{word}'" for word in (*profile.told, *map(_mark, profile.lines)))


def query_of_telling(profile: Profile, *, stack_id: int) -> str:
    """Give the query for vectors of a stack that share a line, or two of the words that tell most, with a profile."""
    words = heaviest(profile.told)[:TELLING]
    pairs = combinations(words, 2) if len(words) > 1 else [tuple(words)] * len(words)
    either = chain((f"'{_mark(line)}'" for line in profile.lines), (_all(pair) for pair in pairs))
    return f"'{_stack(stack_id)}' & ({' | '.join(either)})"


def query_of_search(text: str) -> str:
    """Give the query for vectors that have all words of a text; "" when no word of it can be searched for.

    A word of some letters with a `*` behind is taken for a beginning.
    """
    beginnings = [word for part in _BEGINNINGS.findall(text) for word in words_of(part)]
    whole = first_different(words_of(_BEGINNINGS.sub(" ", text)), MAX_ASKED)
    asked = [*map(_quoted, whole), *(f"{_quoted(word)}:*" for word in first_different(beginnings, MAX_ASKED))]
    return " & ".join(asked)


def _searched(said: TemplateFields) -> Iterable[str]:
    logs = " ".join(telling_lines(said.container_logs))
    texts = (said.actual_behavior, logs, said.steps_to_reproduce, said.expected_behavior)
    return chain.from_iterable(map(words_of, texts))


def _all(words: Iterable[str]) -> str:
    return " & ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    return f"'{word}'"


def _mark(line: str) -> str:
    return f"={line}"


def _stack(stack_id: int) -> str:
    return f"@{stack_id}"
