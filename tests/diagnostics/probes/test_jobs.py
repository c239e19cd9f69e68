"""What is kept of jobs: ids, names and times, nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.probes.jobs import epoch_seconds, job_of, json_object

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (NOW, NOW),
        (int(NOW), NOW),
        (str(NOW), NOW),
        (NOW * 1000, NOW),
        ("2026-09-21T13:33:20+00:00", 1_789_997_600.0),
        ("2026-09-21T13:33:20", None),  # in which zone?
        ("yesterday", None),
        (0, None),
        (-5, None),
        (True, None),
        (None, None),
        (float("inf"), None),
        (10**400, None),
        ([NOW], None),
    ],
)
def test_times_are_read_in_the_usual_forms(written: object, seconds: float | None) -> None:
    assert epoch_seconds(written) == seconds


def test_arguments_and_tokens_are_not_kept() -> None:
    message = json.dumps({"id": "4f2a", "tool": "sleep", "args": {"pin": "1234"}, "token": "eyJh.eyJz.x", "at": NOW})
    job = job_of(message.encode(), json.loads(message), timestamp_field="at")
    assert str(job) == "sleep 4f2a"
    assert "1234" not in repr(job)
    assert "eyJ" not in repr(job)


def test_an_id_that_is_no_plain_word_is_not_shown() -> None:
    fields = {"id": "a secret, with = and \n", "name": {"nested": "token"}}
    assert str(job_of(b"x", fields, timestamp_field="at")) == "a job without id and name"


@given(st.binary(max_size=60))
def test_no_message_breaks_the_reader(message: bytes) -> None:
    job_of(message, json_object(message), timestamp_field="at")
