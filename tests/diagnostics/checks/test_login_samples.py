"""Events as lines of evidence, and the same read back, whatever strangers put into them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.checks.login_samples import Sample, sample_of, samples_in
from diagnostics.probes.security_events import Event, Kind

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=50).filter(lambda t: t != "-")


@given(kind=st.sampled_from(Kind), at=st.integers(0, 4_000_000_000), address=PRINTABLE)
def test_what_is_written_is_read_back(kind: Kind, at: int, address: str) -> None:
    line = sample_of(Event(kind, float(at), "maria", address), lambda user: "6af7c33d")
    assert list(samples_in([line])) == [Sample(datetime.fromtimestamp(at, UTC), kind, "6af7c33d", address)]


def test_who_is_not_named_is_nobody() -> None:
    (sample,) = samples_in([sample_of(Event(Kind.FAILURE, 1.0), lambda user: user or "-")])
    assert (sample.user, sample.address) == ("", "")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "12 lines: 3 say nothing of logins or cannot be read",
        "   0-5: 3; 3, 3, 3; 0; 0",
        "the last 3 that were refused or locked out:",
        "without a time failure user=- address=-",
        "outside of any calendar failure user=- address=-",
        "2026-13-01T00:00:00+00:00 failure user=- address=-",
        "2026-01-01T00:00:00 failure user=- address=-",
        "2026-01-01T00:00:00+00:00 praise user=- address=-",
    ],
)
def test_other_lines_are_no_events(line: str) -> None:
    assert list(samples_in([line])) == []
