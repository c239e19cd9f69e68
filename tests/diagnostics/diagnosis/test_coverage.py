"""Each check is counted once, by whether it looked, and what did not look says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnostics.diagnosis.coverage import Coverage
from diagnostics.diagnosis.diagnosis import diagnose
from diagnostics.diagnosis.observed import Observed
from diagnostics.stack import parse_toml
from tests.diagnostics.diagnosis.test_ranker import STACK, finding, result

HALF = finding("not_permitted", "x", state="error")
LOOKED = result("auth.health_endpoint", finding("health.unhealthy", "door"), HALF)
BLIND = result("ssl.names", finding("names.odd", "door", state="warn"), HALF)
WAITS = result("agents.tasks", finding("prerequisite", "", state="skip"), prerequisite="agents.broker")
APART = result("auth.jwt", finding("not_applicable", "", state="skip"))


@pytest.fixture
def coverage(tmp_path: Path) -> Coverage:
    stack = parse_toml(STACK, folder=tmp_path)
    return diagnose(Observed.of_stored([WAITS, LOOKED, BLIND, APART], stack=stack)).coverage


def test_checks_are_sorted_by_whether_they_looked(coverage: Coverage) -> None:
    told = {name: [one["check"] for one in covered] for name, covered in coverage.as_json().items()}
    assert told == {
        "looked": ["auth.health_endpoint"],  # it found something wrong, whatever else it could not see
        "could_not_look": ["ssl.names"],
        "skipped": ["agents.tasks"],
        "not_applicable": ["auth.jwt"],
    }
    assert coverage.skipped[0].prerequisite == "agents.broker"


def test_it_is_one_line_with_the_reasons_behind(coverage: Coverage) -> None:
    assert str(coverage) == "4 checks: 1 looked, 1 could not look, 1 skipped, 1 not applicable"
    assert list(coverage.reasons()) == [
        ("could not look", "ssl.names", "x says not_permitted (not_permitted)"),
        ("skipped", "agents.tasks", " says prerequisite"),
        ("not applicable", "auth.jwt", " says not_applicable"),
    ]


def test_what_is_not_there_is_not_told() -> None:
    assert str(Coverage()) == "0 checks"


def test_what_was_kept_is_read_again(coverage: Coverage) -> None:
    assert Coverage.read(json.loads(json.dumps(coverage.as_json()))) == coverage
