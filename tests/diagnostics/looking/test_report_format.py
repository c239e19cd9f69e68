"""The documented keys of a report are those that are printed: all of them, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diagnostics.checks.result import Result, State, Threshold
from diagnostics.diagnosis.changes import Before
from diagnostics.diagnosis.diagnosis import Conclusion, diagnose
from diagnostics.diagnosis.observed import Observed
from diagnostics.looking.report import DIAGNOSED, FORMAT, SessionReport
from diagnostics.stack import parse_toml
from tests.diagnostics.checks.certificates import Shop
from tests.diagnostics.diagnosis import test_ranker
from tests.diagnostics.diagnosis.recording import recorded
from tests.diagnostics.looks import look

PAGE = Path(__file__).resolve().parents[3] / "docs" / "report.md"
SPAN = ("check", "evidence", "first_line", "last_line")
STACK = """
schema = 1
name = "corner-shop"
environment = "Staging"
vantage = "process"

[services.till]
role = "api"
log_files = ["{log}"]

[endpoints.till]
service = "till"
url = "http://127.0.0.1:9"

[tls.till]
ca = "{ca}"
"""
LIMIT = Threshold("percent", 80.0, "%", "default", "ours")
LISTS = ("looked", "could_not_look", "skipped", "not_applicable")
NAMED_BY_DATA = {"measured": "NAME", "redactions": "RULE"}


def documented() -> set[str]:
    """Give the keys of the page's tables; `.x` behind a key is beside it, `.*` stands for a span or for a list."""
    keys: set[str] = set()
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `") and not re.match(r"\| `\d", line):
            before = ""
            for key in re.findall(r"`([\w.*]+)`", line.split(" | ")[0]):
                before = f"{before.rpartition('.')[0]}{key}" if key.startswith(".") else key
                keys |= set(_spread(before))
    return keys


def _spread(key: str) -> Iterator[str]:
    if key.endswith(".*"):
        yield from (f"{key[:-1]}{part}" for part in SPAN)
    elif key.startswith("coverage.*"):
        yield from (key.replace("*", one, 1) for one in LISTS)
    else:
        yield key


def keys_of(value: Any, path: str = "", parent: str = "") -> Iterator[str]:
    """Give the path of every key that holds no object of its own."""
    if isinstance(value, dict):
        for name, one in value.items():
            shown = NAMED_BY_DATA.get(parent) or str(name)
            yield from keys_of(one, f"{path}.{shown}" if path else shown, name)
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        for one in value:
            yield from keys_of(one, path)
    elif value not in ([], {}, None) or path.rpartition(".")[2] not in OBJECTS:
        yield path


OBJECTS = {  # that may be empty or null
    *("threshold", "deciding", "suggested", "measured", "redactions", "causes", "findings", "evidence"),
    *("refuted", "unexplained", "changed", "citations", "looked", "could_not_look", "skipped", "not_applicable"),
}


def report(folder: Path) -> dict[str, Any]:
    """Report of a refused endpoint, a log with a secret, certificates, and checks that did not look."""
    log = folder / "till.log"
    log.write_text(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} ERROR dsn postgresql://till:hunter2hunter2@db/till\n")
    text = STACK.format(log=log, ca=Shop(folder).write().ca)
    config = parse_toml(text, folder=folder)
    slugs = ("auth.health_endpoint", "startup.logs", "ssl.certificate_files", "ssl.certificate_validity")
    looked = [look(slug, config) for slug in slugs]
    looked += [
        _of_state(looked[1], state, code)
        for state, code in (
            (State.SKIP, "prerequisite"),
            (State.SKIP, "not_applicable"),
            (State.ERROR, "not_permitted"),
        )
    ]
    return SessionReport(
        stack=config, suite="full", started_at=datetime.now(UTC), seconds=1.0, results=tuple(looked)
    ).as_json()


def _of_state(result: Result, state: State, code: str) -> Result:
    return replace(result, findings=(replace(result.leading, state=state, code=code, threshold=LIMIT),))


def diagnoses() -> Iterator[dict[str, Any]]:
    """Give what was made of recorded runs, and of one that folds, refutes and compares."""
    for observed in recorded().values():
        yield diagnose(observed).as_json()
        unknown = tuple(replace(one, code=f"{one.code}.unknown") for one in observed.observations)
        yield diagnose(Observed(observed.topology, observed.answers, unknown)).as_json()
    alive = test_ranker.result(
        "startup.container_state",
        test_ranker.finding("container.running", "store", state="pass"),
        test_ranker.finding("container.exited", "list"),
    )
    crashed = test_ranker.result("startup.out_of_memory", test_ranker.finding("memory.killed", "desk"))
    loop = test_ranker.result("startup.container_health", test_ranker.finding("container.crash_loop", "desk"))
    down = test_ranker.result("agents.broker", test_ranker.finding("broker.refused", "list"))
    results = [test_ranker.REFUSED, alive, crashed, loop, down, test_ranker.UNHEALTHY]
    seen = Observed.of_stored(results, stack=parse_toml(test_ranker.STACK, folder=PAGE.parent))
    image = replace(seen.observations[0], measured={"image": "new"}, lasting={"image": ""})
    before = Before((replace(image, measured={"image": "old"}),))
    yield diagnose(replace(seen, observations=(image, *seen.observations[1:])), before).as_json()


def test_every_printed_key_is_documented_and_every_documented_one_printed(tmp_path: Path) -> None:
    printed = set(keys_of(report(tmp_path)))
    for one in diagnoses():
        printed |= set(keys_of({name: one[name] for name in DIAGNOSED}))
    assert sorted(printed - documented()) == []
    assert sorted(documented() - printed) == []


def test_the_page_tells_the_format_that_is_printed() -> None:
    assert f"`format` is {FORMAT}." in PAGE.read_text()
    assert {one.value for one in Conclusion} - {"diagnosed"} < set(re.findall(r"`(\w+)`", PAGE.read_text()))
