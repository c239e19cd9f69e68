"""Causes are found by plain words, and each says what it is."""

from __future__ import annotations

import pytest

from diagnostics.diagnosis.catalog import all_causes
from diagnostics.diagnosis.how_to import causes_with, explanation_of


def found(text: str) -> list[str]:
    return [cause.slug for cause in causes_with(text)]


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_cause_is_found_by_its_title_its_slug_and_a_step(slug: str) -> None:
    cause = all_causes()[slug]
    assert slug in found(cause.title)
    assert slug in found(slug)
    assert slug in found(cause.remedy[0])


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_cause_says_what_it_is(slug: str) -> None:
    assert explanation_of(all_causes()[slug]).endswith((".", ":", "`"))


def test_all_words_must_occur_in_any_order_and_case() -> None:
    assert found("PORT holds another")[0] == "port_taken"
    assert "port_taken" not in found("port holds another giraffe")
    assert set(found("port process")) <= set(found("port")) & set(found("process"))


def test_a_word_is_found_as_the_start_of_a_longer_one_and_not_within_it() -> None:
    assert "port_taken" in found("proc")
    assert "port_taken" not in found("rocess")


def test_codes_are_found_and_marks_beside_words_do_not_count() -> None:
    assert found("port.taken")[0] == "port_taken"
    assert found("(port.taken),") == found("port.taken")


def test_those_that_have_it_in_their_title_come_first() -> None:
    has_it = ["certificate" in all_causes()[slug].title.lower() for slug in found("certificate")]
    assert 1 < sum(has_it) < len(has_it)
    assert has_it == sorted(has_it, reverse=True)


@pytest.mark.parametrize("nothing", ["", "  ", "..."])
def test_without_words_all_are_given(nothing: str) -> None:
    assert sorted(found(nothing)) == list(all_causes())


@pytest.mark.parametrize("odd", ["[a-z", "%", "\\", ".*", "(?:", "\x00"])
def test_words_are_no_patterns(odd: str) -> None:
    assert len(found(f"x{odd}x")) == 0
