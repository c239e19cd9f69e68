"""One job in the worker, its lists and its database recorded instead of reached."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest
from shared import queue, tokens
from worker import running
from worker.running import Outcome
from worker.tools import TOOLS


@dataclass
class Recorder:
    """What the worker would have stored, and the list of dead jobs."""

    outcomes: list[Outcome] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def lpush(self, key: str, raw: str) -> None:
        assert key == queue.DEAD
        self.dead.append(raw)


@pytest.fixture
def recorder(application_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(running, "_record", lambda job, outcome: recorder.outcomes.append(outcome))
    monkeypatch.setattr(running, "_begin", lambda job: None)
    monkeypatch.setattr(queue, "client", lambda: recorder)
    monkeypatch.setattr(running, "PAUSE_SECONDS", 0)
    return recorder


def job(tool: str, *, token: str = "", **args: object) -> str:
    token = token or tokens.issue(username="probe", role="probe")
    return queue.Job(id="job", tool=tool, args=args, token=token, user="probe").to_json()


def test_a_job_is_done_and_recorded(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        running.run(job("echo", text="hello"))
    assert recorder.outcomes == [Outcome(status="done", attempts=1, result="hello")]
    assert "job done id=job tool=echo attempts=1" in caplog.text


def test_a_job_with_a_foreign_token_is_rejected_and_buried(
    recorder: Recorder, application_environment: dict[str, str]
) -> None:
    raw = job("echo", token="a.b.c")
    running.run(raw)
    assert recorder.dead == [raw]
    assert [outcome.status for outcome in recorder.outcomes] == ["rejected"]
    with open(application_environment["SECURITY_LOG"]) as log:  # noqa: PTH123
        assert '"event": "job_rejected"' in log.read()


def test_a_tool_that_fails_is_tried_three_times(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(args: object) -> str:
        raise TimeoutError("no\nanswer")

    monkeypatch.setitem(TOOLS, "web_fetch", fail)
    running.run(job("web_fetch"))
    assert recorder.outcomes == [Outcome(status="failed", attempts=3, result="TimeoutError: no answer")]
    assert caplog.text.count("agent tool failed tool=web_fetch") == 3
    assert len(recorder.dead) == 1


def test_an_unknown_tool_ends_the_worker(recorder: Recorder) -> None:
    with pytest.raises(KeyError, match="translate"):
        running.run(job("translate"))


def test_a_job_of_an_older_api_is_read() -> None:
    read = queue.Job.from_json('{"id": "1", "tool": "echo", "args": {}, "token": "x"}')
    assert read.user is None
    assert read.queued_at is None
    assert "token" not in repr(read)
