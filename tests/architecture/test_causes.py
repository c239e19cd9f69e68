"""Rules of causes: each tells what to do, has its page, and speaks in codes that checks can give."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from awe_incidents.incidents.states import Category, Severity
from awe_incidents.recovery.actions.registry import all_actions
from diagnostics.checks.registry import all_checks
from diagnostics.checks.result import State
from diagnostics.diagnosis.catalog import all_causes
from tests.diagnostics.checks.matrix import PLACE

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z_]+\.[a-z_]+")
PROMISED = re.compile(r"`([a-z_]+\.[a-z_]+)`")  # in a docstring, where the code itself is composed
FROM_LOGS = "log."  # codes of log signatures stand in their catalog, not in checks


@cache
def codes_of_checks() -> frozenset[str]:
    """Give every code that the sources of checks and probes name, or that tests saw."""
    matrix = json.loads((ROOT / "docs" / "check-matrix.json").read_text())
    seen = {said.partition(" ")[2] for cells in matrix.values() for said in cells.values()}
    return frozenset(seen | {code for text in literals() for code in named_in(text)})


def literals() -> Iterator[str]:
    for folder in ("checks", "probes"):
        for path in sorted((ROOT / "diagnostics" / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def named_in(text: str) -> list[str]:
    return [text] if CODE.fullmatch(text) else PROMISED.findall(text)


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_cause_says_what_to_do(slug: str) -> None:
    remedy = all_causes()[slug].remedy
    assert 2 <= len(remedy) <= 5
    assert [step for step in remedy if not step.endswith(".") or step.count("`") % 2] == []
    assert any(f"`{check}`" in remedy[-1] for check in all_checks()), "its last step says which check must pass"


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_remedy_names_checks_that_are_there(slug: str) -> None:
    families = {check.partition(".")[0] for check in all_checks()}
    named = {name for step in all_causes()[slug].remedy for name in PROMISED.findall(step)}
    assert {name for name in named if name.partition(".")[0] in families} <= set(all_checks())


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_cause_has_its_page(slug: str) -> None:
    page = (ROOT / "docs" / all_causes()[slug].how_to).read_text()
    assert [step for step in all_causes()[slug].remedy if step not in page] == []


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_cause_is_classified_as_incidents_are(slug: str) -> None:
    cause = all_causes()[slug]
    assert cause.category in set(Category)
    assert cause.severity in set(Severity)


@pytest.mark.parametrize("subject", ["api", "/srv/awe/certs/server.key", "127.0.0.1:8443"])
@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_sentence_names_its_subject_once_and_ends(slug: str, subject: str) -> None:
    sentence = all_causes()[slug].sentence.format(subject=subject)
    assert sentence.count(subject) == 1
    assert sentence.endswith(".")


@pytest.mark.parametrize("slug", list(all_causes()))
def test_every_sign_is_a_code_that_a_check_can_give(slug: str) -> None:
    cause = all_causes()[slug]
    patterns = {sign.code for sign in (*cause.signs, *cause.expects, *cause.refuted_by)}
    expected = {pattern for pattern in patterns if not pattern.startswith(FROM_LOGS)}
    assert {one for one in expected if not any(fnmatchcase(code, one) for code in codes_of_checks())} == set()


def test_every_failure_that_a_check_was_seen_to_give_is_a_sign_of_some_cause() -> None:
    failures = {
        what.partition(" ")[2]
        for situations in json.loads(PLACE.read_text()).values()
        for what in situations.values()
        if what.startswith("fail ")
    }
    signs = [sign for cause in all_causes().values() for sign in cause.signs if State.FAIL in sign.states]
    assert {code for code in failures if not any(fnmatchcase(code, sign.code) for sign in signs)} == set()


def test_every_recommended_action_is_there() -> None:
    recommended = {slug for cause in all_causes().values() for slug in cause.actions}
    assert recommended <= set(all_actions())
