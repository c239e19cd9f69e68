"""Erasure: commitments open with their own salt and text only, and an entry says what is gone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.audit import canonical, erasure
from awe_incidents.audit.erasure import Disclosure
from awe_incidents.audit.errors import CommitmentBroken

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(TEXTS, TEXTS)
def test_a_commitment_opens_with_its_own_salt_and_text_only(value: str, other: str) -> None:
    one = erasure.commit(value)
    assert one.commitment == canonical.commitment(one.salt, value)
    erasure.check(one.commitment, one)
    with pytest.raises(CommitmentBroken):
        erasure.check(one.commitment, erasure.commit(value))
    if other != value:
        with pytest.raises(CommitmentBroken):
            erasure.check(one.commitment, Disclosure(one.salt, other))


def test_two_commitments_to_one_text_do_not_look_alike() -> None:
    assert erasure.commit("no").commitment != erasure.commit("no").commitment


def test_an_erasure_is_read_as_it_was_written() -> None:
    data = erasure.erasure_data(event_id="an-event", fields=["b", "a"])
    assert canonical.encode(data) == b'{"event":"an-event","fields":["a","b"]}'
    assert erasure.erased({"verb": erasure.VERB, "data": data}) == ("an-event", frozenset("ab"))


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"verb": "stack:tried", "data": {"event": "e", "fields": ["a"]}},
        {"verb": erasure.VERB},
        {"verb": erasure.VERB, "data": {"event": 1, "fields": ["a"]}},
        {"verb": erasure.VERB, "data": {"event": "e", "fields": "a"}},
        {"verb": erasure.VERB, "data": {"event": "e", "fields": [1]}},
    ],
)
def test_what_is_no_erasure_says_nothing(entry: dict[str, Any]) -> None:
    assert erasure.erased(entry) is None
