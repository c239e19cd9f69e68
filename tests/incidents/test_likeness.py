"""The score of two reports: what raises it, what does not, and that it is a score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_incidents.incidents.likeness import (
    MAX_LINES,
    MAX_LOG,
    MAX_LOGGED,
    MAX_SAID,
    THRESHOLD,
    WEIGHTS,
    Profile,
    likeness,
    profile_of,
    telling_lines,
)

OOM = """api_1 | /app/entrypoint-api.sh: line 7:     9 Killed                  alembic upgrade head
[ 4459.662290] Memory cgroup out of memory: Killed process 16146 (alembic) total-vm:41572kB
"""
words = st.frozensets(st.sampled_from([*"abcdefgh", "api", "error", "502", "certificate", "certificates"]))
profiles = st.builds(Profile, words, words, words)


def score(said: str, other: str, *, logs: str = "", other_logs: str = "") -> float:
    return likeness(profile_of(said=said, logs=logs), profile_of(said=other, logs=other_logs)).score


def test_the_same_report_resembles_itself_wholly() -> None:
    assert score("certificate of the server expired", "certificate of the server expired") == 1.0


def test_times_ids_and_numbers_make_no_difference() -> None:
    first = "2026-11-23T15:01:12Z FATAL: job 4711 of 9f3a77c1 failed: quota exceeded after 1200 ms"
    second = "2026-11-24 08:44:00,123 FATAL: job 9 of 1d0a39ee52d1 failed: quota exceeded after 8 ms"
    assert profile_of(said="x", logs=first).lines == profile_of(said="x", logs=second).lines != frozenset()


def test_a_status_makes_a_difference() -> None:
    assert profile_of(said="answers 502").said != profile_of(said="answers 401").said


def test_inflections_and_typing_errors_count_as_the_same() -> None:
    alike = likeness(profile_of(said="certificates expired"), profile_of(said="certifcate expired"))
    assert alike.words == ("certificates", "expired")
    assert alike.score == 1.0


def test_words_of_the_trade_alone_are_no_reason() -> None:
    assert score("api answers 502 since the update", "api shows 502 after a restart") == 0.0
    assert score("502 for everybody", "502 for everybody") >= THRESHOLD  # but the very same is


def test_what_one_says_and_the_other_only_pastes_counts() -> None:
    said = "Memory cgroup out of memory, the kernel killed alembic"
    assert score(said, "service restarts for ever", other_logs=OOM) >= THRESHOLD


def test_words_are_those_of_the_first() -> None:
    alike = likeness(profile_of(said="certificates expired"), profile_of(said="certificate ran out, expired"))
    assert "certificates" in alike.words
    assert "certificate" not in alike.words


@pytest.mark.parametrize("text", ["", " ", "🔥🔥", "the of and", "[REDACTED:jwt:ab12cd]"])
def test_a_text_without_words_resembles_nothing(text: str) -> None:
    assert score(text, text) == 0.0


def test_other_languages_are_compared_too() -> None:
    assert score("ワークフローの画面が真っ白です", "画面が真っ白になります") >= THRESHOLD
    assert score("Das Zertifikat ist abgelaufen", "Zertifikat abgelaufen, nichts geht") >= THRESHOLD
    assert score("画面が真っ白です", "ログインできません") == 0.0


@given(profiles, profiles)
def test_a_score_is_one_of_its_parts_mean_and_between_0_and_1(mine: Profile, other: Profile) -> None:
    alike = likeness(mine, other)
    assert 0.0 <= alike.score <= 1.0
    assert set(alike.words) <= mine.told
    assert all(0.0 <= value <= 1.0 for value in alike.parts.values())
    assert set(alike.parts) <= set(WEIGHTS)
    if alike.parts:
        assert min(alike.parts.values()) - 1e-9 <= alike.score <= max(alike.parts.values()) + 1e-9


@given(st.text(max_size=300), st.text(max_size=300))
def test_every_text_has_a_bounded_profile(said: str, logs: str) -> None:
    profile = profile_of(said=said, logs=f"error {logs}")
    assert len(profile.said) <= MAX_SAID
    assert len(profile.logged) <= MAX_LOGGED
    assert len(profile.lines) <= MAX_LINES
    assert all(word.isalnum() for word in profile.told)


def test_of_a_long_log_both_ends_are_looked_through() -> None:
    quiet = "all is well\n" * (MAX_LOG // 6)
    found = list(telling_lines(f"first error here\n{quiet}last error here\n"))
    assert found == ["first error here", "last error here"]


def test_lines_that_tell_of_nothing_are_left_out() -> None:
    assert list(telling_lines("INFO started\nGET /health 200\nGET /jobs 503\nINFO done")) == ["GET /jobs 503"]
