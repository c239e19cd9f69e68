"""The matcher finds what every pattern by itself finds in every line, and hardly anything in strangers' logs."""

from __future__ import annotations

import random

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnostics.signatures import Matcher, all_signatures, known_lines
from diagnostics.signatures.matcher import MAX_LINE_BYTES
from tests.diagnostics.signatures.strangers import lines as lines_of_strangers

SIGNATURES = tuple(all_signatures().values())
SAMPLES = sorted({sample for one in SIGNATURES for sample in (*one.samples, *one.counter_samples)})
STRANGERS = tuple(lines_of_strangers(300, seed=1))


def one_by_one(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Search each line for each pattern, as the documentation of RE2 says, with nothing of ours."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    compiled = {one.id: re2.compile(one.pattern.encode(), options) for one in SIGNATURES}
    found = []
    for number, line in enumerate(text.encode("utf-8", "replace").split(b"\n"), start=1):
        if ids := tuple(id_ for id_, one in compiled.items() if one.search(line[:MAX_LINE_BYTES])):
            found.append((number, ids))
    return found


PIECE = st.one_of(
    st.sampled_from(SAMPLES),
    st.sampled_from(STRANGERS),
    st.sampled_from(SAMPLES).map(lambda line: line[len(line) // 3 :]),
    st.sampled_from(["", " ", "é\u2028ü", "\x00", "x" * MAX_LINE_BYTES, "x" * (MAX_LINE_BYTES - 20)]),
    st.text(max_size=30),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(PIECE, st.sampled_from(["", "\n", "\n\n", " "])), max_size=30))
def test_mixtures_are_matched_as_by_every_pattern_alone(pieces: list[tuple[str, str]]) -> None:
    text = "".join(f"{piece}{end}" for piece, end in pieces)
    assert list(known_lines().hits(text)) == one_by_one(text)


def test_a_long_log_is_matched_as_by_every_pattern_alone() -> None:
    pick = random.Random(3)
    text = "\n".join(pick.choice((*SAMPLES, *STRANGERS, *STRANGERS, *STRANGERS)) for _ in range(2000))
    assert list(known_lines().hits(text)) == one_by_one(text)


def test_no_match_goes_over_the_end_of_a_line() -> None:
    assert list(known_lines().hits("sorry, too many clients\nalready")) == []
    assert list(known_lines().hits("sorry, too many\n clients already\nsorry, too many clients already")) == [
        (3, ("PG-06",))
    ]


def test_of_a_long_line_only_its_beginning_counts() -> None:
    said = "sorry, too many clients already"
    far = "x" * MAX_LINE_BYTES
    assert list(known_lines().hits(f"{far}{said}\n{said}{far}\n{far[:-10]}{said}")) == [(2, ("PG-06",))]


def test_a_line_that_several_signatures_know_has_all_their_ids() -> None:
    line = 'WARNING server login failed: FATAL password authentication failed for user "app"'
    assert list(known_lines().hits(line)) == [(1, ("PB-02", "PG-01"))]


def test_a_set_that_is_out_of_memory_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        def Match(self, line: bytes) -> None:  # noqa: N802  (the name of RE2's own method)
            return None

    matcher = Matcher(SIGNATURES)
    monkeypatch.setattr(matcher, "_set", Exhausted())
    assert list(matcher.hits("x\nsorry, too many clients already")) == [(2, ("PG-06",))]


@pytest.mark.parametrize("seed", [11, 12])
def test_at_most_one_line_of_strangers_in_ten_thousand_is_taken_for_known(seed: int) -> None:
    told = list(lines_of_strangers(20_000, seed=seed))
    hits = [(ids, told[number - 1]) for number, ids in known_lines().hits("\n".join(told))]
    assert len(hits) <= len(told) // 10_000, hits[:20]


def test_the_lines_of_strangers_hold_the_words_of_signatures() -> None:
    told = "\n".join(lines_of_strangers(10_000, seed=11)).lower()
    for word in ("refused", "timeout", "password", "failed", "certificate", "deadlock", "too many", "does not exist"):
        assert told.count(word) >= 20, word
