"""What startup.logs makes of the lines it keeps: hints by known lines, and what is new since the last good run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diagnostics.checks import recognized, unheard
from diagnostics.checks.baseline import MAX_KEYS, Baseline, grown
from diagnostics.checks.result import Finding, Result, State
from diagnostics.looking import LookRequest, take_look
from diagnostics.signatures import all_signatures
from diagnostics.stack import Logs, Service
from tests.diagnostics.looks import KEY, codes, found, stack

NEVER = Baseline()
FATAL = 'FATAL:  password authentication failed for user "app"'


def stamped(text: str) -> str:
    return f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%d %H:%M:%S.000 UTC} [77] {text}\n"


def looked(
    folder: Path, baseline: Baseline = NEVER, /, *, max_bytes: int = 5_000_000, **logs: Sequence[str]
) -> tuple[Result, Baseline]:
    """Look at the logs of services, and give the baseline as it is after it."""
    services = {}
    for name, lines in logs.items():
        path = folder / f"{name}.log"
        path.write_text("".join(map(stamped, lines)))
        services[name] = Service(name=name, role="api", log_files=(path,))
    config = stack(folder, services=services, logs=Logs(max_bytes_per_service=max_bytes))
    look = take_look(LookRequest(slug="startup.logs", stack=config, redaction_key=KEY, baseline=baseline))
    return look.result, Baseline(grown(baseline.values, look.learning))


def cited(result: Result, finding: Finding) -> list[str]:
    """Give the lines that a finding cites."""
    evidence = {one.key: one.content.split("\n") for one in result.evidence}
    return [line for one in finding.citations for line in evidence[one.evidence][one.first_line - 1 : one.last_line]]


def test_known_lines_are_hints_and_the_summary_leads(tmp_path: Path) -> None:
    result, _ = looked(tmp_path, till=["LOG:  ready", FATAL, "LOG:  x", FATAL, FATAL, "LOG:  done"])
    assert (result.state, result.leading.code) == (State.PASS, "logs.collected")
    hint = found(result, "log.pg-01")
    assert (hint.state, hint.target, hint.measured["lines"].value) == (State.PASS, "till", 3)
    assert hint.message.startswith("till: 3 line(s) are known as PG-01 (PostgreSQL), a hint only: The password")
    assert [one.first_line for one in hint.citations] == [2, 5]
    assert all("password authentication failed" in line for line in cited(result, hint))
    assert hint.next_checks == ("database.postgres_direct", "database.postgres_pooled")


def test_a_line_that_is_there_once_is_cited_once(tmp_path: Path) -> None:
    result, _ = looked(tmp_path, till=[FATAL])
    assert len(found(result, "log.pg-01").citations) == 1


def test_services_are_told_apart(tmp_path: Path) -> None:
    result, _ = looked(tmp_path, till=[FATAL], shop=[FATAL, FATAL], shelf=["LOG:  ready"])
    hints = [one for one in result.findings if one.code == "log.pg-01"]
    assert {one.target: one.measured["lines"].value for one in hints} == {"till": 1, "shop": 2}


def test_citations_point_into_head_and_tail(tmp_path: Path) -> None:
    filling = [f"LOG:  line {number} of many that say nothing" for number in range(2000)]
    result, _ = looked(tmp_path, max_bytes=20_000, till=[FATAL, *filling, FATAL])
    hint = found(result, "log.pg-01")
    assert len({one.evidence for one in hint.citations}) == 2
    assert all("password authentication failed" in line for line in cited(result, hint))


def test_citations_point_into_the_part_of_a_long_log_that_holds_them(tmp_path: Path) -> None:
    filling = [f"LOG:  line {number} of many that say nothing of interest at all" for number in range(30_000)]
    result, _ = looked(tmp_path, till=[*filling, FATAL])
    assert len(result.evidence) == 2
    hint = found(result, "log.pg-01")
    assert [one.evidence for one in hint.citations] == [result.evidence[-1].key]
    assert all("password authentication failed" in line for line in cited(result, hint))
    assert result.leading.measured["lines"].value == 30_001


def test_what_is_matched_was_redacted_before(tmp_path: Path) -> None:
    secret = "postgresql://app:hunter2hunter2@db/till"
    result, baseline = looked(tmp_path, till=["LOG:  ready"])
    result, _ = looked(tmp_path, baseline, till=[f"ERROR:  cannot use {secret}", f"{FATAL} {secret}"])
    assert {"log.pg-01", "logs.new_since"} <= codes(result)
    assert "hunter2hunter2" not in repr(result)


def test_no_more_than_twenty_signatures_are_shown_and_the_rest_is_said(tmp_path: Path) -> None:
    samples = [one.samples[0] for one in all_signatures().values()][: recognized.SHOWN + 10]
    result, _ = looked(tmp_path, till=[FATAL, FATAL, FATAL, *samples])
    hints = [one for one in result.findings if one.code.startswith("log.")]
    assert len(hints) == recognized.SHOWN
    assert hints[0].code == "log.pg-01"
    assert "more signatures hit than are shown" in result.leading.message
    assert result.state is State.PASS


def test_nothing_is_new_without_an_earlier_good_run(tmp_path: Path) -> None:
    result, baseline = looked(tmp_path, till=["ERROR:  the till is stuck"])
    assert codes(result) == {"logs.collected"}
    assert baseline.last("kinds of till") == 1.0


def test_lines_are_new_since_the_last_good_run(tmp_path: Path) -> None:
    _, baseline = looked(tmp_path, till=["WARNING:  drawer 12 is slow", "LOG:  ready"])
    said = ["WARNING:  drawer 9 is slow", "LOG:  never heard before"]
    said += [f"ERROR:  the printer of desk {number} is on fire" for number in range(3)]
    result, _ = looked(tmp_path, baseline, till=[*said, "WARNING:  paper is low"])
    new = found(result, "logs.new_since")
    assert (new.state, new.target) == (State.PASS, "till")
    assert {name: one.value for name, one in new.measured.items()} == {"lines": 4, "kinds": 2}
    assert "3 x <time> [<number>] ERROR: the printer of desk <number> is on fire" in new.message
    assert [line.partition("]")[2] for line in cited(result, new)] == [
        " ERROR:  the printer of desk 0 is on fire",
        " WARNING:  paper is low",
    ]
    assert (result.state, result.leading.code) == (State.PASS, "logs.collected")


def test_what_was_new_is_known_after_a_good_run(tmp_path: Path) -> None:
    _, baseline = looked(tmp_path, till=["LOG:  ready"])
    result, baseline = looked(tmp_path, baseline, till=["WARNING:  paper is low"])
    assert "logs.new_since" in codes(result)
    result, _ = looked(tmp_path, baseline, till=["WARNING:  paper is low"])
    assert "logs.new_since" not in codes(result)


@pytest.mark.parametrize("bad", [FATAL, "FATAL:  the till is on fire"])
def test_a_run_that_is_not_good_teaches_nothing(tmp_path: Path, bad: str) -> None:
    _, baseline = looked(tmp_path, till=["WARNING:  drawer 12 is slow"], shop=["WARNING:  closed"])
    for _ in range(3):
        result, baseline = looked(tmp_path, baseline, till=[bad, "WARNING:  paper is low"], shop=["LOG:  ready"])
        assert "paper is low" in found(result, "logs.new_since").message
    result, _ = looked(tmp_path, baseline, till=["WARNING:  drawer 3 is slow"])
    assert "logs.new_since" not in codes(result)


def test_ordinary_signatures_do_not_make_a_run_bad(tmp_path: Path) -> None:
    stopped = "FATAL:  terminating connection due to administrator command"
    result, baseline = looked(tmp_path, till=[stopped])
    assert "log.pg-16" in codes(result)
    assert baseline.last("kinds of till") == 0.0


def test_only_ten_kinds_are_shown(tmp_path: Path) -> None:
    _, baseline = looked(tmp_path, till=["LOG:  ready"])
    words = [f"{letter}{letter}x" for letter in "abcdefghijklmno"]
    result, _ = looked(tmp_path, baseline, till=[f"ERROR:  the {word} is stuck" for word in words])
    new = found(result, "logs.new_since")
    assert len(new.citations) == unheard.SHOWN
    assert new.message.endswith("5 more kinds")


def test_what_is_remembered_is_bounded_and_the_doubt_is_said(tmp_path: Path) -> None:
    many = [f"ERROR:  the {'k' * number} is stuck" for number in range(1, MAX_KEYS + 50)]
    _, baseline = looked(tmp_path, till=many, shop=many)
    assert len(baseline.values) <= MAX_KEYS
    assert {"kinds of till", "kinds of shop"} <= set(baseline.values)
    result, _ = looked(tmp_path, baseline, till=["ERROR:  the door is open"], shop=["LOG:  ready"])
    assert "so some may be old" in found(result, "logs.new_since").message
