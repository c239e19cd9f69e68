"""Every verb that the product records has its place in OCSF, and nothing else has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from awe_incidents.accounts.roles import Role, scopes_of
from awe_incidents.audit.ocsf import ACTIVITIES, CATEGORIES, CLASS_NAMES, KINDS, OTHER
from awe_incidents.recovery.states import RequestState, StepState

ROOT = Path(__file__).resolve().parents[2]
VERB = re.compile(r"[a-z_]+:[a-z_]+")
SUBJECT = re.compile(r"([a-z_]+):(.*)")
ENDS_UNCLAIMED = (RequestState.CANCELLED, RequestState.EXPIRED, RequestState.INVALIDATED)
# Verbs whose second half is a state: what stands in the source, and what it becomes.
MADE = {
    "execution:step_": [f"execution:step_{state}" for state in (StepState.DONE, StepState.FAILED)],
    "recovery_request:": [f"recovery_request:{state.value}" for state in ENDS_UNCLAIMED],
}
# What has the same form and is none: names of addresses, keys of alarms, actors and evidence.
OTHERS = {"admin", "api", "jdbc"}
ACTORS = {"service:worker", "user:somebody"}
KEYS = {"execution:", "run:", "user:"}


def literals() -> Iterator[str]:
    """Give the texts of the product's code, of formatted ones their beginning followed by an ellipsis."""
    for package in ("awe_incidents", "diagnostics"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "/migrations/" not in str(path) and path.name != "ocsf.py":
                yield from texts_in(ast.parse(path.read_text()))


def texts_in(tree: ast.AST) -> Iterator[str]:
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value
        elif isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
            yield str(node.values[0].value) + "…"


def recorded() -> set[str]:
    scopes = {str(scope) for role in Role for scope in scopes_of([role])}
    found: set[str] = set()
    for text in literals():
        if VERB.fullmatch(text) and text not in scopes | ACTORS and text.partition(":")[0] not in OTHERS:
            found.add(text)
    return found | {verb for verbs in MADE.values() for verb in verbs}


def test_every_verb_of_the_product_has_its_place_in_ocsf_and_nothing_else_has() -> None:
    missing, left = recorded() - set(KINDS), set(KINDS) - recorded()
    assert (missing, left) == (set(), set()), "say in awe_incidents/audit/ocsf.py what OCSF calls it, then `make fix`"


def test_no_verb_is_made_in_a_way_that_this_walk_does_not_know() -> None:
    subjects = {verb.partition(":")[0] for verb in KINDS}
    begun = {text[:-1] for text in literals() if text.endswith("…") and ":" in text}
    made = {text for text in begun if text.partition(":")[0] in subjects}
    assert made - KEYS == set(MADE)


def test_classes_activities_and_categories_have_their_names() -> None:
    for verb, kind in KINDS.items():
        assert kind.of in CLASS_NAMES
        assert kind.of // 1000 in CATEGORIES
        assert kind.activity == OTHER or kind.activity in ACTIVITIES[kind.of], verb
