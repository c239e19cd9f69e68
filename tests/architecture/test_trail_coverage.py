"""No change without its entry: every operation that changes something records a fact."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import awe_incidents
import diagnostics
from awe_incidents.audit import erasing, rotating, trail

# What changes no fact of its own: bookkeeping of claims, and steps inside an operation that records.
WITHOUT_ENTRY = {
    "add_title": "words follow from an incident",
    "claim_attachment": "a lease; the outcome is recorded",
    "claim_check": "a lease; the run is recorded at start and finish",
    "claim_notice": "a lease; the outcome is recorded",
    "claim_prefill": "a lease; the outcome is recorded",
    "drop_empty_months": "partitions without rows; no fact changes",
    "empty_months_kept": "a lock",
    "fill_result": "part of a look that is stored; the run's finish is recorded with a digest of its results",
    "follow_schedule": "part of a stack's description, whose change is recorded",
    "forget": "words of reports that retention removes and records",
    "keep_attachments": "inserts what the caller records",
    "keep_diagnosis": "what follows from a run's results, whose digest is recorded",
    "keep_evidence": "part of a look that is stored",
    "keep_handovers": "part of a look that is stored",
    "keep_title": "words follow from an incident",
    "learn": "what is usual follows from results",
    "make_months": "empty partitions; no fact changes",
    "move_request": "recorded by the caller, who knows why",
    "move_words": "words follow from a move",
    "new_attachments": "inserted and recorded by the caller",
    "new_content": "inserted and recorded by the caller",
    "new_run": "inserted and recorded by the caller",
    "note_token_use": "the minute of the last use",
    "queue_execution": "part of an approval, which is recorded",
    "release_target": "part of an end, which is recorded",
    "prepare_log_keys": "keys that nobody uses yet; the rotation is recorded",
    "request_run": "recorded by the caller beside its own fact",
    "say_anew": "words follow from a revision",
    "settle": "words follow from an incident's state",
    "write_notices": "part of a break-glass, which is recorded with their number",
    "write_history": "lines of what an operation records",
}
READS = {
    "held_up",
    "check_rate",
    "alarms_of_executions",
    "blind_span",
    "silent_engine",
    "unexplained",
    "check_pending",
    "cleaned",
    "code_of",
    "kept_outcome",
    "database_now",
    "difference",
    "entry_of",
    "facts_of",
    "free_request",
    "held_execution",
    "held_report",
    "held_request",
    "history_of",
    "looking",
    "plan_action",
    "planned",
    "prepared",
    "reserve_and_decide",
    "results_digest",
    "rows_outside_months",
    "run_requested",
    "site_of",
    "with_files",
}


def modules() -> Iterator[ModuleType]:
    """Yield every module of operations that there is."""
    for package in (awe_incidents, diagnostics):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "operations" in found.name.split("."):
                yield importlib.import_module(found.name)
    yield from (erasing, rotating)


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in modules():
        for name, function in vars(module).items():
            is_own = inspect.isfunction(function) and function.__module__ == module.__name__
            if is_own and not name.startswith("_"):
                yield name, function


def named_in(thing: Any) -> Iterator[Any]:
    """Yield the functions and classes of ours that the source of one names."""
    names = vars(importlib.import_module(thing.__module__))
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(thing)))):
        if isinstance(node, ast.Name):
            yield names.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield getattr(names.get(node.value.id), node.attr, None)


def records(function: Callable[..., Any]) -> bool:
    """Tell whether a function comes to the trail's writer, by whatever it calls."""
    todo, seen = [function], set[int]()
    while todo:
        one = inspect.unwrap(todo.pop())
        if one in (trail.record, trail.record_all):
            return True
        if id(one) not in seen and one.__module__.startswith(("awe_incidents.", "diagnostics.")):
            seen.add(id(one))
            todo += [part for part in named_in(one) if inspect.isfunction(part) or inspect.isclass(part)]
    return False


@pytest.mark.parametrize(("name", "function"), list(public_functions()))
def test_every_operation_records_its_fact(name: str, function: Callable[..., Any]) -> None:
    assert records(function) != (name in READS or name in WITHOUT_ENTRY), f"{name} must record a fact, or say why not"


def test_the_lists_of_exceptions_are_no_longer_than_they_must_be() -> None:
    names = {name for name, _ in public_functions()}
    assert set(WITHOUT_ENTRY) <= names
    assert names >= READS
    assert not READS & set(WITHOUT_ENTRY)
