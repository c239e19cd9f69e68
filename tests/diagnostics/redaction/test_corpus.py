"""Whole texts: the given cases and our own corpus, without a leak and without damage."""

from __future__ import annotations

import pytest

from diagnostics.redaction import Redactor
from tests.diagnostics.redaction.cases import GIVEN, Case, own_cases, read_cases

KEY = b"k" * 32


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(KEY)


@pytest.mark.skipif(not GIVEN.exists(), reason=f"the given cases are not at {GIVEN}; set AWE_DESIGN_DIR")
def test_given_cases_have_no_leak_and_at_most_one_damaged_text_in_thirty(redactor: Redactor) -> None:
    cases = read_cases(GIVEN)
    results = [(case, redactor.text(case.text).text) for case in cases]
    assert [(case.name, case.leaks(text)) for case, text in results if case.leaks(text)] == []
    damaged = [(case.name, case.damage(text)) for case, text in results if case.damage(text)]
    assert len(damaged) <= len(cases) / 30, damaged


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.name)
def test_a_case_of_the_corpus_neither_leaks_nor_is_damaged(redactor: Redactor, case: Case) -> None:
    redacted = redactor.text(case.text).text
    assert case.leaks(redacted) == []
    assert case.damage(redacted) == []


@pytest.mark.parametrize("case", own_cases(), ids=lambda case: case.name)
def test_a_case_of_the_corpus_keeps_its_lines_and_is_stable(redactor: Redactor, case: Case) -> None:
    redacted = redactor.text(case.text).text
    assert redacted.count("\n") == case.text.count("\n")
    assert redactor.text(redacted).text == redacted


def test_the_corpus_is_large_enough() -> None:
    cases = own_cases()
    assert len(cases) >= 200
    assert sum(not case.secrets for case in cases) >= 60
    assert all(case.secrets or case.keep for case in cases)
