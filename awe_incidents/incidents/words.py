"""Words of a text, as they are compared and searched: no parser or dictionary of one language has a say (pure).

NFKC and case folding; letters and digits make words; scripts without spaces are cut into pairs of characters.
Words that nearly every text of a language has are left out, here and in what is searched for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice

from awe_incidents.incidents.stop_words import STOP_WORDS

MAX_WORD = 40  # characters; what is longer is compared by its beginning
MAX_READ = 20_000  # characters of a text that are read for words
_MASKS = re.compile(r"\[(?:redacted|dropped):[^\]\n]{0,60}\]")
_TIMES = re.compile(
    r"\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?utc|z|[+-]\d\d:?\d\d)?)?|\d\d:\d\d:\d\d(?:[.,]\d+)?"
)
_IDS = re.compile(r"\b(?=[a-f-]*\d)(?=[\d-]*[a-f])[0-9a-f]{4,}(?:-[0-9a-f]{4,})*\b|\b0x[0-9a-f]+\b")
_WORDS = re.compile(r"[^\W_]+")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_DIGITS = re.compile(r"\d+")
_STATUS = re.compile(r"[1-5]\d\d")


def words_of(text: str) -> Iterator[str]:
    """Give the words of a text in their order, as they are searched: numbers too, but neither times nor masks."""
    return (word for word in _words(_folded(text)) if word not in STOP_WORDS)


def telling_words(text: str) -> Iterator[str]:
    """Give the words that tell what a problem is: without ids and numbers, but for what may be an HTTP status."""
    for word in _words(_IDS.sub(" ", _folded(text))):
        is_plain = word.isalpha()  # nearly all are, and asking is cheap
        if not is_plain and _STATUS.fullmatch(word):
            yield word
        elif len(bare := word if is_plain else _DIGITS.sub("", word)) > 1 and bare not in STOP_WORDS:
            yield bare


def first_different(words: Iterable[str], limit: int) -> list[str]:
    """Give the first different ones."""
    return list(islice(dict.fromkeys(words), limit))


def _folded(text: str) -> str:
    read = text[:MAX_READ]
    folded = read.lower() if read.isascii() else unicodedata.normalize("NFKC", read).casefold()
    return _TIMES.sub(" ", _MASKS.sub(" ", folded) if "[" in folded else folded)


def _words(folded: str) -> Iterable[str]:
    words = _WORDS.findall(folded)
    return [word[:MAX_WORD] for word in words] if folded.isascii() else _parted(words)


def _parted(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word.isascii() or not _IS_UNSPACED.search(word):
            yield word[:MAX_WORD]
        else:
            for run in _RUNS.findall(word):
                yield from _pairs(run) if _IS_UNSPACED.match(run) else (run[:MAX_WORD],)


def _pairs(run: str) -> Iterator[str]:
    return (run[at : at + 2] for at in range(max(1, len(run) - 1)))
